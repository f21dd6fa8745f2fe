"""The attributes of notices: SNS accepts them, and filter policies work on them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.foreign_text import printable
from videojobs.jobs.ledger import Job
from videojobs.jobs.options import Model
from videojobs.notices.found import NAMES_MAX_BYTES, Found, compose_attributes
from videojobs.notices.notices import MESSAGE_MAX_BYTES, Notice, compose_failure
from videojobs.outputs.summary import ClassSummary, ModelSummary, Summary
from videojobs.results.rules import RuleOutcome, RulesOutcome

FOUND = Found(classes=("person", "安全帽"), regions=("dock",), rules=("night visit",))


def summarize(names: list[str]) -> Summary:
    summary = Summary([Model("m", "1", "object-detection")])
    classes = {name: ClassSummary(count=number + 1, frames=1) for number, name in enumerate(names)}
    summary.models["m"] = ModelSummary(frames=1, classes=classes)
    return summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "is_received"),
    [
        ({"outcome": ["done"]}, True),
        ({"outcome": ["failed"]}, False),
        ({"classes": ["安全帽", "dog"]}, True),
        ({"classes": ["dog"]}, False),
        ({"regions": ["dock"], "rules": ["night visit"]}, True),
        ({"regions": ["yard"]}, False),
        ({"rules": [{"exists": True}]}, True),
        ({"rules": [{"exists": False}]}, False),
        ({"prefix": [{"prefix": "line-3/"}]}, True),
        ({"prefix": [{"prefix": "line-4/"}]}, False),
        ({"outcome": [{"anything-but": "done"}]}, False),
    ],
)
def test_a_subscription_filters_by_them(aws: Any, policy: dict[str, Any], is_received: bool) -> None:
    url = aws.sqs.create_queue(QueueName="filtered")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic_arn = aws.sender.topic._topic_arn
    attributes = {"FilterPolicy": json.dumps(policy)}
    aws.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    aws.sender.topic.publish(Notice(outcome="done", subject="s", message="m", prefix="line-3/night/", found=FOUND))
    assert len(aws.sqs.receive_message(QueueUrl=url).get("Messages", [])) == is_received


def test_what_is_empty_is_left_out() -> None:
    assert list(compose_attributes("done", "", Found())) == ["outcome"]
    assert list(compose_attributes("done", "a/", FOUND)) == ["outcome", "prefix", "classes", "regions", "rules"]


def test_the_most_frequent_classes_and_the_conditions_that_held_are_in_it() -> None:
    held, missed = RuleOutcome(name="a", held=True, times=1), RuleOutcome(name="b", held=False)
    found = Found.select(summarize(["x", "y"]), RulesOutcome(combination="any", conditions=(held, missed)))
    assert found == Found(classes=("y", "x"), rules=("a",))
    assert Found.select(None, None) == Found()


@given(st.lists(st.text(max_size=200), max_size=60) | st.just([f"{number}安" * 50 for number in range(300)]))
def test_any_names_fit(names: list[str]) -> None:
    conditions = tuple(RuleOutcome(name=name, held=True) for name in names[:20])
    found = Found.select(summarize(names), RulesOutcome(combination="any", conditions=conditions))
    attributes = compose_attributes("not-annotated", "\x00" * 1_000, found)
    for attribute in attributes.values():
        assert 0 < len(attribute["StringValue"]) <= NAMES_MAX_BYTES
    for name in (*found.classes, *found.rules):
        assert name == printable(name)
    size = sum(len(name) + len(str(value)) for name, value in attributes.items())
    assert MESSAGE_MAX_BYTES + size + 200 < 256 * 1024


def test_every_notice_has_its_folder(job: Job) -> None:
    nested = replace(job, upload=replace(job.upload, key="line 3/Nacht/a.mp4"))
    assert compose_failure(nested, "r", age_seconds=1, api_failed=True).prefix == "line 3/Nacht/"
    assert replace(job.upload, key="a.mp4").prefix == ""
