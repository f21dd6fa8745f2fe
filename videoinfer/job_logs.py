"""Reads what the functions logged about a job, and the steps of its execution that failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

from videoinfer.ledger_view import Item
from videoinfer.pipeline_stack import PipelineStack
from videoinfer.upload_progress import read_history

_BEFORE = timedelta(minutes=1)
"""How much earlier than the ledger's first write the first log line may be."""

_FAILURES = (
    *("taskFailedEventDetails", "taskTimedOutEventDetails", "lambdaFunctionFailedEventDetails"),
    *("executionFailedEventDetails", "executionAbortedEventDetails", "executionTimedOutEventDetails"),
)


@dataclass(frozen=True)
class JobLogLine:
    """A line about a job.

    Attributes:
        source: The function, such as `create_job`, or the state of the execution.
        text: The level and the message.
        fields: The line as it was written.
    """

    at: datetime
    source: str
    text: str
    fields: Mapping[str, Any]


def read_job_logs(stack: PipelineStack, item: Item) -> Iterator[JobLogLine]:
    """Yields the lines about one attempt, in order of time: those of all functions, and failures of its execution."""
    name = f"{item['upload_id']}-{item['attempt']}"
    since = datetime.fromisoformat(item["recorded_at"]) - _BEFORE
    sources = [
        _read_group(stack, group, function, execution=name, since=since)
        for function, group in _find_groups(stack).items()
    ]
    return merge(*sources, _read_failures(stack, item), key=lambda line: line.at)


def _find_groups(stack: PipelineStack) -> dict[str, str]:
    """The log groups of the stack's functions, by the function's name: CreateJobLogs is that of create_job."""
    pages = stack.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    resources = [it for page in pages for it in page["StackResourceSummaries"]]
    ids = {it["LogicalResourceId"]: it.get("PhysicalResourceId", "") for it in resources}
    names = [name.removesuffix("Function") for name in ids if name.endswith("Function")]
    return {_to_snake(name): ids[f"{name}Logs"] for name in names if f"{name}Logs" in ids}


def _to_snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def _read_group(
    stack: PipelineStack, group: str, function: str, *, execution: str, since: datetime
) -> Iterator[JobLogLine]:
    # A term in quotes is found anywhere in a line, so another attempt or field may have it too.
    pages = stack.clients.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=f'"{execution}"', startTime=int(since.timestamp() * 1000)
    )
    found = []
    for page in pages:
        for event in page["events"]:
            with suppress(ValueError, AttributeError):
                fields = json.loads(event["message"])
                if fields.get("execution") == execution:
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    found.append(JobLogLine(at, function, _shorten(fields), fields))
    yield from sorted(found, key=lambda line: line.at)  # streams come one after the other


def _shorten(fields: Mapping[str, Any]) -> str:
    """Level, message, and what the line says besides: a reason, or the last line of an exception."""
    exception = str(fields.get("exception", "")).strip().splitlines()[-1:]
    parts = [fields.get("level"), fields.get("message"), fields.get("reason"), *exception]
    return " ".join(str(part) for part in parts if part)


def _read_failures(stack: PipelineStack, item: Item) -> Iterator[JobLogLine]:
    """Failed attempts at the execution's steps, and its end if that was not regular."""
    sfn = stack.clients.stepfunctions
    if not (arn := item.get("execution_arn")):
        return
    try:
        events = read_history(stack.clients, arn)
    except sfn.exceptions.ExecutionDoesNotExist:
        return  # Step Functions keeps a history for 90 days
    state = "execution"
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
        for details in (event[name] for name in _FAILURES if name in event):  # type: ignore[literal-required]
            words = f"{event['type']}: {details.get('error', '')}: {_read_cause(details.get('cause', ''))}"
            yield JobLogLine(event["timestamp"], state, words, dict(details))


def _read_cause(cause: str) -> str:
    """The message in a cause: a function's error is JSON with a traceback."""
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(cause)["errorMessage"])
    return cause
