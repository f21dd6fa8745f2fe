import json
from typing import Any, cast

import boto3
import pytest

from videoinfer.aws_clients import AwsClients
from videoinfer.cancelling import cancel_job, describe_bill
from videoinfer.errors import CommandError
from videoinfer.jobs import JobsTable
from videojobs.jobs import Ledger
from videojobs.unanswered import Unanswered
from videojobs.uploads import Upload

CLIP = Upload("uploads", "line-3/belt.mp4", 5, "e1", "version-1")
MODEL = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
OPTIONS = {"models": [MODEL], "infer_fps": 2.5, "input_mode": "presigned"}


@pytest.fixture
def clients(jobs: JobsTable) -> AwsClients:
    return AwsClients(boto3.Session(region_name="us-east-1"))


def start(clients: AwsClients) -> str:
    wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
    machine = clients.stepfunctions.create_state_machine(
        name="video-job", definition=json.dumps(wait), roleArn="arn:aws:iam::123456789012:role/role"
    )
    return clients.stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]


def find(jobs: JobsTable) -> dict[str, Any]:
    return jobs.find_job(CLIP.key)[0]


def test_the_ledger_and_the_execution_end(clients: AwsClients, jobs: JobsTable, ledger: Ledger) -> None:
    arn = start(clients)
    ledger.record(CLIP, 1, status="running", job_id="j1", options=OPTIONS, execution_arn=arn)

    for _ in range(2):
        assert cancel_job(clients, jobs, find(jobs)) == "all"

    assert (find(jobs)["status"], find(jobs)["error"]) == ("cancelled", "A person cancelled it.")
    assert clients.stepfunctions.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert describe_bill(find(jobs), "all") == (
        "The API has no call that cancels: job j1 goes on there, and all of it will be billed: "
        "2.5 frames of each second of the video, by hands/4."
    )


def test_what_waits_is_not_billed(clients: AwsClients, jobs: JobsTable, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="waiting", error="503.")

    assert cancel_job(clients, jobs, find(jobs)) == "nothing"
    assert find(jobs)["status"] == "cancelled"
    assert describe_bill(find(jobs), "nothing") == "The API has made no job of it, so it bills nothing."


def test_what_waits_may_be_billed_where_an_answer_was_lost(
    clients: AwsClients, jobs: JobsTable, ledger: Ledger
) -> None:
    unanswered = Unanswered(1, "2026-01-02T03:04:05+00:00")
    ledger.record(CLIP, 1, status="waiting", error="502.", **unanswered.to_values())

    assert "1 call that asked the API for this job" in describe_bill(find(jobs), cancel_job(clients, jobs, find(jobs)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "creating"}, "is being asked"),
        ({"status": "running", "job_id": "j1"}, "is being asked"),
        ({"status": "done", "job_id": "j1"}, "has come to its end: it is done"),
    ],
)
def test_what_can_not_be_cancelled_is_left_alone(
    clients: AwsClients, jobs: JobsTable, ledger: Ledger, values: dict[str, str], words: str
) -> None:
    ledger.record(CLIP, 1, **cast(Any, values))

    with pytest.raises(CommandError, match=words):
        cancel_job(clients, jobs, find(jobs))

    assert find(jobs)["status"] == values["status"]


def test_a_job_that_went_on_meanwhile_is_left_alone(clients: AwsClients, jobs: JobsTable, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="running", job_id="j1", execution_arn="arn")
    seen = find(jobs)
    ledger.record(CLIP, 1, status="done")

    with pytest.raises(CommandError, match="has just gone on"):
        cancel_job(clients, jobs, seen)
