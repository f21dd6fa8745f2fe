import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from videoinfer.aws_clients import AwsClients
from videoinfer.upload_progress import Step, UploadedVideo, find_job, list_steps

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def enter(name: str) -> dict[str, Any]:
    return {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}


def leave(name: str, state: dict[str, Any]) -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(state)}
    return {"type": "TaskStateExited", "stateExitedEventDetails": details}


def list_all(*events: dict[str, Any]) -> list[tuple[str, str | None, int | None]]:
    timed = [{**event, "timestamp": START + timedelta(seconds=index)} for index, event in enumerate(events)]
    steps = list_steps(cast("list[HistoryEventTypeDef]", timed))
    return [(step.state, step.outcome, step.polls) for step in steps]


def test_steps_are_states_and_their_outcomes() -> None:
    running = {"check": {"status": "running", "polls": 1}}
    done = {"check": {"status": "done", "polls": 2}}

    assert list_all(
        {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}},
        enter("Wait Before Checking"),
        leave("Wait Before Checking", {"check": {"status": "running", "polls": 0}}),
        enter("Check Job"),
        {"type": "TaskScheduled", "taskScheduledEventDetails": {}},
        leave("Check Job", running),
        enter("Is The Job Done?"),
        leave("Is The Job Done?", running),
        enter("Check Job"),
        leave("Check Job", done),
        enter("Deliver Results"),
        leave("Deliver Results", {**done, "delivery": {"status": "delivered"}}),
        enter("Results Delivered"),
    ) == [
        ("Wait Before Checking", None, None),
        ("Check Job", None, None),
        ("Check Job", "running", 1),
        ("Is The Job Done?", None, None),
        ("Check Job", None, None),
        ("Check Job", "done", 2),
        ("Deliver Results", None, None),
        ("Deliver Results", "delivered", None),
        ("Results Delivered", None, None),
    ]


def test_a_task_that_ended_in_its_catch_has_no_outcome() -> None:
    assert list_all(leave("Deliver Results", {"delivery_error": {"Error": "States.Timeout"}})) == []


def test_a_failed_attempt_is_a_step_of_its_state() -> None:
    failed = {"type": "TaskFailed", "taskFailedEventDetails": {"error": "ApiUnavailable"}}

    assert list_all(enter("Check Job"), failed, leave("Check Job", {"check": {"status": "done", "polls": 1}})) == [
        ("Check Job", None, None),
        ("Check Job", "attempt failed", None),
        ("Check Job", "done", 1),
    ]


def test_a_step_has_the_time_of_its_event() -> None:
    event = cast("HistoryEventTypeDef", {**enter("Check Job"), "timestamp": START})

    assert list(list_steps([event])) == [Step(START, "Check Job")]


CLIP = UploadedVideo("uploads", "clip.mp4", "version-1")


@pytest.fixture
def jobs_table(clients: AwsClients) -> str:
    clients.dynamodb.create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "upload_id", "AttributeType": "S"},
            {"AttributeName": "attempt", "AttributeType": "N"},
        ],
        KeySchema=[
            {"AttributeName": "upload_id", "KeyType": "HASH"},
            {"AttributeName": "attempt", "KeyType": "RANGE"},
        ],
    )
    return "jobs"


def put_job(clients: AwsClients, upload: UploadedVideo, attempt: int, status: str) -> None:
    clients.dynamodb.put_item(
        TableName="jobs",
        Item={
            "upload_id": {"S": f"{upload.key}-{upload.version_id}"},
            "attempt": {"N": str(attempt)},
            "bucket": {"S": upload.bucket},
            "key": {"S": upload.key},
            "version_id": {"S": upload.version_id},
            "status": {"S": status},
        },
    )


def test_the_job_of_an_upload_is_its_latest_attempt(clients: AwsClients, jobs_table: str) -> None:
    put_job(clients, CLIP, 9, "failed")
    put_job(clients, CLIP, 10, "running")
    put_job(clients, UploadedVideo("uploads", "clip.mp4", "version-2"), 11, "done")

    job = find_job(clients, jobs_table, CLIP)

    assert job is not None
    assert (job["attempt"], job["status"]) == (10, "running")


def test_no_job_is_found_for_an_upload_without_one(clients: AwsClients, jobs_table: str) -> None:
    assert find_job(clients, jobs_table, CLIP) is None
