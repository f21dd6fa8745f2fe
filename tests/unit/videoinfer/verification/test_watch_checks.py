"""Something that CloudWatch doesn't show yet doesn't count as wrong; what it shows is checked."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import boto3
import pytest
from moto import mock_aws

from videoinfer.verification.watch_checks import check_alarms, check_metrics, list_metrics, read_metrics
from videojobs.metrics import MetricName

NAMES = list_metrics(["done", "rejected"])


def test_a_metric_that_is_not_visible_yet_is_no_fault() -> None:
    assert check_metrics(NAMES, set(NAMES), 300, is_emulated=False).level == "ok"
    late = check_metrics(NAMES, set(NAMES[:-1]), 300, is_emulated=False)
    assert (late.level, late.what) == ("unseen", f"Not seen yet: {NAMES[-1]} (waited 300 s; they may take minutes).")
    assert "this CloudWatch is an emulator" in check_metrics(NAMES, set(), 0, is_emulated=True).what


def test_metrics_are_expected_only_for_the_ends_that_happened() -> None:
    assert list_metrics(["rejected", "rejected"]) == ["JobsRejected", "MinutesWaited"]
    assert list_metrics(["running"]) == []
    assert check_metrics([], set(), 300, is_emulated=False).level == "unseen"


def test_the_expected_metrics_are_those_that_the_functions_emit() -> None:
    assert set(NAMES) < set(get_args(MetricName))


@mock_aws
def test_only_metrics_of_this_stack_since_the_start_count() -> None:
    cloudwatch = boto3.client("cloudwatch", region_name="us-east-1")
    now = datetime.now(UTC)
    for stack, name, at in (
        ("mine", "JobsDone", now),
        ("mine", "Polls", now),
        ("other", "JobsCreated", now),
        ("mine", "JobsRejected", now - timedelta(hours=1)),
    ):
        dimensions = [{"Name": "service", "Value": stack}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Value": 1, "Unit": "Count", "Timestamp": at}
        cloudwatch.put_metric_data(Namespace="videoinfer", MetricData=[datum])
    assert read_metrics(cloudwatch, "mine", NAMES, now) == {"JobsDone", "Polls"}


@pytest.mark.parametrize(
    ("states", "level", "words"),
    [
        ({"Failures": "OK", "Overdue": "OK"}, "ok", "all 2 alarms are OK"),
        ({"Failures": "OK", "Overdue": "INSUFFICIENT_DATA"}, "unseen", "Not evaluated yet: 1 of 2 alarms."),
        ({"Failures": "ALARM", "Overdue": "INSUFFICIENT_DATA"}, "wrong", "Failures is ALARM."),
        ({"Failures": "missing"}, "wrong", "Failures is missing."),
        ({}, "wrong", "The stack has no alarms."),
    ],
)
def test_alarms_are_checked(states: dict[str, str], level: str, words: str) -> None:
    verdict = check_alarms(states)
    assert verdict.level == level
    assert words in verdict.what
