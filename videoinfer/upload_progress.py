"""Follows an upload: its job in the ledger, and the steps of the execution that polls it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoinfer.aws_clients import AwsClients
from videoinfer.ledger_view import Item

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

# The fields in which the state machine keeps the answers of its tasks.
_OUTCOME_FIELDS = {
    "Check Job": "check",
    "Deliver Results": "delivery",
    "Annotate Video": "annotation",
    "Make Dataset": "dataset",
    "Report Failure": "failure",
}


@dataclass(frozen=True)
class UploadedVideo:
    """A video that this command has put into the uploads bucket."""

    bucket: str
    key: str
    version_id: str | None


@dataclass(frozen=True)
class Step:
    """A state that an execution has entered, or the outcome of one.

    Attributes:
        outcome: None when the state was entered.
        polls: How often the API has been polled, if the outcome is that of a check.
    """

    at: datetime
    state: str
    outcome: str | None = None
    polls: int | None = None


def upload_video(clients: AwsClients, bucket: str, video: Path) -> UploadedVideo:
    """Uploads the file to the uploads bucket under its own name."""
    clients.s3.upload_file(str(video), bucket, video.name)
    version_id = clients.s3.head_object(Bucket=bucket, Key=video.name).get("VersionId")
    return UploadedVideo(bucket, video.name, version_id)


def find_job(clients: AwsClients, jobs_table: str, upload: UploadedVideo) -> Item | None:
    """The ledger's item of the upload's latest attempt, or None if there is none yet."""
    # A scan is cheap here, because the table is only seconds old.
    client: Any = clients.open_table(jobs_table).meta.client
    pages = client.get_paginator("scan").paginate(TableName=jobs_table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    wanted = (upload.bucket, upload.key, upload.version_id)
    attempts = [item for item in items if (item["bucket"], item["key"], item.get("version_id")) == wanted]
    return max(attempts, key=lambda item: int(item["attempt"]), default=None)


def read_history(clients: AwsClients, execution_arn: str) -> list[HistoryEventTypeDef]:
    """Every event of an execution so far."""
    pages = clients.stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return [event for page in pages for event in page["events"]]


def list_steps(events: Sequence[HistoryEventTypeDef]) -> Iterator[Step]:
    """The states that an execution went through, in order, and the outcome of each."""
    state = ""
    for event in events:
        if entered := event.get("stateEnteredEventDetails"):
            state = entered["name"]
            yield Step(event["timestamp"], state)
        elif event["type"] == "TaskFailed":
            yield Step(event["timestamp"], state, "attempt failed")
        elif (left := event.get("stateExitedEventDetails")) and left["name"] in _OUTCOME_FIELDS:
            outcome = json.loads(left["output"]).get(_OUTCOME_FIELDS[left["name"]], {})
            if status := outcome.get("status"):
                yield Step(event["timestamp"], left["name"], status, outcome.get("polls"))
