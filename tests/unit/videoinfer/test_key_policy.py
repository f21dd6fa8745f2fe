"""The documented key policy admits everyone who needs the key, and each of its statements is needed."""

import json
from typing import Any

from tests.key_policy import read_documented_policy
from videoinfer.key_policy import find_left_out

PLACE = {"region": "eu-central-1", "account": "123456789012"}


def read_policy() -> Any:
    return json.loads(read_documented_policy(**PLACE))


def test_the_documented_policy_omits_nobody() -> None:
    assert find_left_out(read_policy(), **PLACE) == {}


def test_the_documented_policy_omits_nobody_in_china() -> None:
    place = {"region": "cn-north-1", "account": "123456789012"}
    policy = read_documented_policy(**place).replace(
        "logs.cn-north-1.amazonaws.com", "logs.cn-north-1.amazonaws.com.cn"
    )
    assert find_left_out(json.loads(policy), **place) == {}


def test_each_statement_is_needed() -> None:
    left_out = []
    for index in range(5):
        policy = read_policy()
        del policy["Statement"][index]
        left_out.append(set(find_left_out(policy, **PLACE)))
    assert left_out == [
        {"the account"},
        {"s3.amazonaws.com"},
        {"cloudwatch.amazonaws.com"},
        {"events.amazonaws.com"},
        {"logs.eu-central-1.amazonaws.com"},
    ]


def test_a_statement_for_another_account_and_a_deny_admit_nobody() -> None:
    policy = read_policy()
    policy["Statement"][1]["Effect"] = "Deny"
    assert find_left_out(policy, region="eu-west-1", account="210987654321").keys() == {
        "the account",
        "s3.amazonaws.com",
        "logs.eu-west-1.amazonaws.com",
    }
