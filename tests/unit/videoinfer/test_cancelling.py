"""Cancellation: at whatever step a job is, nothing continues it."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from videoinfer.cancelling import cancel_job, describe_bill, stop_execution
from videoinfer.errors import CommandError
from videoinfer.ledger_view import LedgerView
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Upload

CLIP = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")
MODEL = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
OPTIONS = {"models": [MODEL], "infer_fps": 2.5, "input_mode": "presigned"}
NO_ANSWER = Unanswered(1, "2026-01-02T03:04:05+00:00").to_values()


class Pipeline:
    """The ledger and the state machine, as `videoinfer cancel` finds them."""

    def __init__(self, jobs: LedgerView, ledger: Ledger) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.sfn = boto3.client("stepfunctions", region_name="us-east-1")
        wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
        role = "arn:aws:iam::123456789012:role/role"
        machine = self.sfn.create_state_machine(name="video-job", definition=json.dumps(wait), roleArn=role)
        self.state_machine_arn = machine["stateMachineArn"]

    def start(self) -> str:
        name = f"{CLIP.upload_id}-1"
        return self.sfn.start_execution(stateMachineArn=self.state_machine_arn, name=name)["executionArn"]

    def find(self) -> dict[str, Any]:
        return self.jobs.find_job(CLIP.key)[0]

    def cancel(self, job: dict[str, Any] | None = None) -> str:
        return cancel_job(self.sfn, self.state_machine_arn, self.ledger, job or self.find())


@pytest.fixture
def pipeline(jobs: LedgerView, ledger: Ledger) -> Pipeline:
    return Pipeline(jobs, ledger)


@pytest.mark.parametrize("is_written_down", [True, False])
def test_the_ledger_and_the_execution_end(pipeline: Pipeline, is_written_down: bool) -> None:
    arn = pipeline.start()
    written = {"execution_arn": arn} if is_written_down else {}
    pipeline.ledger.record(CLIP, 1, status="running", job_id="j1", options=OPTIONS, **written)

    for _ in range(2):
        assert pipeline.cancel() == "all"

    job = pipeline.find()
    assert (job["status"], job["error"]) == ("cancelled", "A person cancelled it.")
    assert pipeline.sfn.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert describe_bill(job, "all") == (
        "The API has no call that cancels: it finishes job j1 and bills all of it: "
        "2.5 frames of each second of the video, by hands/4."
    )


@pytest.mark.slow
@pytest.mark.parametrize("status", ["waiting", "sending"])
def test_an_upload_without_a_job_is_not_billed(pipeline: Pipeline, status: JobState) -> None:
    pipeline.ledger.record(CLIP, 1, status=status, error="503.")

    assert pipeline.cancel() == "nothing"
    assert pipeline.find()["status"] == "cancelled"
    assert describe_bill(pipeline.find(), "nothing") == "The API has created no job for it, so it bills nothing."


@pytest.mark.parametrize("status", ["waiting", "creating"])
def test_a_job_without_an_answer_may_be_billed(pipeline: Pipeline, status: JobState) -> None:
    pipeline.ledger.record(CLIP, 1, status=status, **NO_ANSWER)

    job = pipeline.find()
    assert "1 call to create this job" in describe_bill(job, cast(Any, pipeline.cancel()))
    assert pipeline.find()["status"] == "cancelled"


@pytest.mark.slow
@pytest.mark.parametrize("status", ["done", "failed", "overdue", "rejected"])
def test_a_job_that_has_ended_is_not_cancelled(pipeline: Pipeline, status: JobState) -> None:
    pipeline.ledger.record(CLIP, 1, status=status)

    with pytest.raises(CommandError, match=f"has already ended: its status is {status}"):
        pipeline.cancel()

    assert pipeline.find()["status"] == status


def test_a_job_that_ends_in_the_meantime_is_not_cancelled(pipeline: Pipeline) -> None:
    pipeline.ledger.record(CLIP, 1, status="running", job_id="j1")
    seen = pipeline.find()
    pipeline.ledger.record(CLIP, 1, status="done")

    with pytest.raises(CommandError, match="has just ended"):
        pipeline.cancel(seen)

    assert pipeline.find()["status"] == "done"


@pytest.mark.parametrize("status", ["ABORTED", "RUNNING"])
def test_an_execution_that_ends_in_the_meantime_is_not_stopped(status: str) -> None:
    sfn = boto3.client("stepfunctions", region_name="us-east-1")
    arn = "arn:aws:states:us-east-1:123456789012:execution:video-job:belt-1"
    with Stubber(sfn) as stubber:
        stubber.add_client_error("stop_execution", "ValidationException", "Execution is not running")
        described = {"executionArn": arn, "stateMachineArn": arn, "status": status, "startDate": datetime.now(UTC)}
        stubber.add_response("describe_execution", described, {"executionArn": arn})

        with nullcontext() if status == "ABORTED" else pytest.raises(sfn.exceptions.ValidationException):
            stop_execution(sfn, arn, "A person cancelled it.")

        stubber.assert_no_pending_responses()
