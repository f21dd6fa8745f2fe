"""When digests are sent: EventBridge accepts every schedule that the parameters make."""

import re

import pytest

from tests.cloudformation import Evaluator
from tests.templates import read_expanded_templates

RATE = r"rate\((1 (minute|day)|([2-9]|[1-9][0-9]+) minutes)\)"
"""A value of 1 has its unit in the singular, and other values in the plural.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("notices", "minutes", "expected"),
    [
        ("digest", "1", "rate(1 minute)"),
        ("digest", "2", "rate(2 minutes)"),
        ("digest", "60", "rate(60 minutes)"),
        ("digest", "1440", "rate(1440 minutes)"),
        # What was pending when the parameter changed is still sent.
        ("each", "1", "rate(1 day)"),
        ("problems", "60", "rate(1 day)"),
    ],
)
def test_a_digest_starts_every_so_many_minutes(notices: str, minutes: str, expected: str) -> None:
    template = read_expanded_templates()["pipeline"]
    [rule] = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Events::Rule" and "ScheduleExpression" in resource["Properties"]
    ]
    [target] = rule["Targets"]
    evaluator = Evaluator(template, {"ApiKey": "key", "Notices": notices, "DigestMinutes": minutes})
    schedule = evaluator.evaluate(rule["ScheduleExpression"])
    assert schedule == expected
    assert re.fullmatch(RATE, schedule)
    assert target["Arn"] == {"Ref": "NoticesDigestStateMachine"}
    assert rule.get("State", "ENABLED") == "ENABLED"
