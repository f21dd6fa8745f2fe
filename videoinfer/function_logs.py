"""Reads the functions' logs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from videoinfer.aws_clients import AwsClients

# Lines that Lambda itself writes for each invocation.
_PLATFORM_LINES = ("START RequestId:", "END RequestId:", "REPORT RequestId:")


@dataclass(frozen=True)
class LogLine:
    """One event of a log stream; `timestamp_ms` since the epoch."""

    timestamp_ms: int
    text: str


def read_log_lines(clients: AwsClients) -> Iterator[LogLine]:
    """Every log line of every function, one log group after the other."""
    for groups in clients.logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for page in pages:
                for event in page["events"]:
                    yield LogLine(event["timestamp"], event["message"].rstrip())


def read_last_words(clients: AwsClients, *, count: int = 20) -> list[str]:
    """The last `count` lines that the functions wrote themselves, oldest first."""
    own = [line for line in read_log_lines(clients) if not line.text.startswith(_PLATFORM_LINES)]
    return [_shorten(line.text) for line in sorted(own, key=lambda line: line.timestamp_ms)[-count:]]


def _shorten(text: str) -> str:
    """Level, message and exception of a Powertools log line: `ERROR The upload has to wait. ApiUnavailable: …`."""
    try:
        line = json.loads(text)
        exception = line.get("exception", "").splitlines()[-1:]
        return " ".join([line["level"], line["message"], *exception])
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
