"""What CloudWatch knows of the stack: the metrics of the jobs that were sent, and the alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from videoinfer.verification.verdicts import Verdict, ok, unseen, wrong
from videojobs.metrics import NAMESPACE, MetricName

if TYPE_CHECKING:
    from videoinfer.aws_clients import AwsClients

METRICS: Mapping[str, Sequence[MetricName]] = {
    "done": ("JobsCreated", "JobsDone", "MinutesWaited", "Polls"),
    "rejected": ("JobsRejected", "MinutesWaited"),
}
"""What an upload is counted by, by the end that its job came to."""

_PERIOD_SECONDS = 60


def list_metrics(statuses: Sequence[str]) -> list[MetricName]:
    """The metrics of jobs that came to those ends."""
    return sorted({name for status in statuses for name in METRICS.get(status, ())})


def read_metrics(cloudwatch: Any, stack: str, names: Sequence[MetricName], since: datetime) -> set[MetricName]:
    """Those of the metrics that have had a value since then."""
    seen = set[MetricName]()
    for name in names:
        answer = cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[{"Name": "service", "Value": stack}],
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=_PERIOD_SECONDS,
            Statistics=["SampleCount"],
        )
        if any(point["SampleCount"] for point in answer["Datapoints"]):
            seen.add(name)
    return seen


def check_metrics(
    expected: Sequence[MetricName], seen: set[MetricName], seconds: float, *, is_emulated: bool
) -> Verdict:
    """Each metric has had a value.

    One that has not is no fault: CloudWatch extracts metrics from log lines (its embedded metric format), which the
    functions are known to have written once the ledger says that the end is told, and it shows them minutes later.

    Args:
        seconds: How long they were waited for.
        is_emulated: Whether CloudWatch is an emulator, which may make no metrics of log lines.
    """
    missing = [name for name in expected if name not in seen]
    if not expected:
        return unseen("There is nothing to count: no job has come to its end.")
    if not missing:
        return ok(", ".join(expected))
    reason = "this CloudWatch is an emulator" if is_emulated else f"waited {seconds:.0f} s; they may take minutes"
    return unseen(f"Not seen yet: {', '.join(missing)} ({reason}).")


def read_alarms(clients: AwsClients, stack: str) -> dict[str, str]:
    """The state of each of the stack's alarms, by its name in the template."""
    pages = clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    names = {
        resource["PhysicalResourceId"]: resource["LogicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm"
    }
    states = dict.fromkeys(names.values(), "missing")
    if names:
        for alarm in clients.cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]:
            states[names[alarm["AlarmName"]]] = alarm["StateValue"]
    return states


def check_alarms(states: Mapping[str, str]) -> Verdict:
    """No alarm is on or missing. CloudWatch looks at a new alarm some minutes after it was made."""
    if not states:
        return wrong("The stack has no alarms.")
    faults = [f"{name} is {state}." for name, state in states.items() if state in ("ALARM", "missing")]
    if faults:
        return wrong(" ".join(faults))
    waiting = [name for name, state in states.items() if state != "OK"]
    if waiting:
        return unseen(f"Not evaluated yet: {len(waiting)} of {len(states)} alarms.")
    return ok(f"all {len(states)} alarms are OK")
