"""The checks of CloudWatch: the metrics of the verification's jobs, and the stack's alarms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from videoinfer.aws_clients import AwsClients
from videoinfer.verification.verdicts import Verdict, ok, unseen, wrong
from videojobs.metrics import NAMESPACE, MetricName

METRICS: Mapping[str, Sequence[MetricName]] = {
    "done": ("JobsCreated", "JobsDone", "MinutesWaited", "Polls"),
    "rejected": ("JobsRejected", "MinutesWaited"),
}
"""The metrics that count a job, by the job's final status."""

_PERIOD_SECONDS = 60


def list_metrics(statuses: Sequence[str]) -> list[MetricName]:
    """The metrics that count jobs with these final statuses."""
    return sorted({name for status in statuses for name in METRICS.get(status, ())})


def read_metrics(cloudwatch: Any, stack: str, names: Sequence[MetricName], since: datetime) -> set[MetricName]:
    """The names of those metrics that have a value since `since`."""
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
    """Checks that each metric has a value.

    A metric without a value is not a fault, only unseen. CloudWatch extracts metrics from log lines (embedded metric
    format) and shows them minutes later. The functions wrote these lines before the ledger had the id of the event.

    Args:
        seconds: How long the command waited.
        is_emulated: Whether CloudWatch is an emulator, which may not extract metrics from log lines.
    """
    missing = [name for name in expected if name not in seen]
    if not expected:
        return unseen("There is nothing to count, because no job has ended.")
    if not missing:
        return ok(", ".join(expected))
    reason = "this CloudWatch is an emulator" if is_emulated else f"waited {seconds:.0f} s; they may take minutes"
    return unseen(f"Not seen yet: {', '.join(missing)} ({reason}).")


def read_alarms(clients: AwsClients, stack: str) -> dict[str, str]:
    """The state of each alarm of the stack, by its logical ID; `missing` if the alarm does not exist."""
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
    """Checks that no alarm is in state ALARM or missing. CloudWatch evaluates a new alarm only after some minutes."""
    if not states:
        return wrong("The stack has no alarms.")
    faults = [f"{name} is {state}." for name, state in states.items() if state in ("ALARM", "missing")]
    if faults:
        return wrong(" ".join(faults))
    waiting = [name for name, state in states.items() if state != "OK"]
    if waiting:
        return unseen(f"Not evaluated yet: {len(waiting)} of {len(states)} alarms.")
    return ok(f"all {len(states)} alarms are OK")
