"""Redeliveries: executions that start with existing results."""

import json
from datetime import datetime
from typing import Any

import boto3
import pytest

from tests.pipeline_stacks import make_stack
from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.ledger_view import LedgerView
from videoinfer.redelivery import Redelivery, redeliver_jobs
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import Upload

MODEL = {
    "model_id": "hands",
    "model_version": "4",
    "inference_type": "object-detection",
    "inference_params": {"confidence": 0.25},
}
OPTIONS = {"models": [MODEL], "infer_fps": 2.5, "input_mode": "presigned", "annotate": False, "track": True}
TIMES = {"created_at": "2026-11-02T08:15:33+00:00", "deadline_at": "2026-11-03T08:15:33+00:00"}


class StoppedClock(datetime):
    """Always tells the same time."""

    @classmethod
    def now(cls, tz: Any = None) -> "StoppedClock":
        return cls(2026, 11, 4, tzinfo=tz)


class Stage:
    """A stack whose executions end at once with `status`; moto's own never end."""

    status = "SUCCEEDED"

    def __init__(self, jobs: LedgerView, ledger: Ledger) -> None:
        self.jobs, self.ledger = jobs, ledger
        self.clients = AwsClients(boto3.Session(region_name="us-east-1"))
        self.clients.s3.create_bucket(Bucket="results")
        end: dict[str, Any] = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
        machine = self.clients.stepfunctions.create_state_machine(
            name="video-job", definition=json.dumps(end), roleArn="arn:aws:iam::123456789012:role/role"
        )
        arn = machine["stateMachineArn"]
        self.describe = self.clients.stepfunctions.describe_execution
        self.clients.stepfunctions.describe_execution = self.end  # type: ignore[method-assign]
        self.stack = make_stack(self.clients, state_machine_arn=arn)

    def end(self, **arguments: Any) -> Any:
        cause = {} if self.status == "SUCCEEDED" else {"cause": "The results are not JSON."}
        return {**self.describe(**arguments), "status": self.status, **cause}

    def add(self, key: str, *, status: JobState = "done", has_results: bool = True, is_known: bool = True) -> Upload:
        upload = Upload(bucket="uploads", key=key, size_bytes=5, etag="e1", version_id=f"version of {key}")
        job_id = f"job-of-{key.rpartition('/')[2]}"
        if is_known:
            self.ledger.record(upload, 1, status=status, job_id=job_id, options=OPTIONS, polls=3, **TIMES)
        if has_results:
            self.clients.s3.put_object(Bucket="results", Key=f"results/{key}/{job_id}/results.json", Body=b"{}")
            self.clients.s3.put_object(Bucket="results", Key=f"results/{key}/{job_id}/job.json", Body=b"{}")
        return upload

    def redeliver(self, wanted: str, *, annotate: bool = False) -> list[Redelivery]:
        return list(redeliver_jobs(self.stack, wanted, annotate=annotate))

    def read_input(self, done: Redelivery) -> dict[str, Any]:
        answer = self.clients.stepfunctions.describe_execution(executionArn=done.execution_arn or "")
        state: dict[str, Any] = json.loads(answer["input"])
        return state


@pytest.fixture
def stage(jobs: LedgerView, ledger: Ledger) -> Stage:
    return Stage(jobs, ledger)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["job-of-belt.mp4", "line-3/belt.mp4", "s3://uploads/line-3/belt.mp4"])
def test_a_job_is_redelivered_by_any_of_its_names(stage: Stage, name: str) -> None:
    upload = stage.add("line-3/belt.mp4")
    [done] = stage.redeliver(name)
    state = stage.read_input(done)
    job = Job.from_input(state)
    assert (job.upload, job.job_id) == (upload, "job-of-belt.mp4")
    assert job.options.to_dict() == OPTIONS
    assert state["check"] == {
        "status": "done",
        "polls": 3,
        "gigabyte_seconds": 0.0,
        "reason": None,
        "start_offset": None,
    }
    assert state["redelivery"]


def test_outputs_that_fail_again_are_a_failure(stage: Stage) -> None:
    upload = stage.add("belt.mp4")
    stage.ledger.record(upload, 1, failed_outputs={"csv": "A bug.", "coco": "Another."})
    [done] = stage.redeliver("belt.mp4")
    assert done.failure == "delivered without csv: A bug.; coco: Another."


def test_a_media_output_that_is_not_made_is_a_failure(stage: Stage) -> None:
    upload = stage.add("belt.mp4")
    stage.ledger.record(
        upload, 1, annotation_error="No sound.", dataset_error="No room.", dataset_location="s3://b/old.zip"
    )
    [done] = stage.redeliver("belt.mp4")
    assert done.failure == "delivered without annotated.mp4: No sound. and with an earlier dataset.zip: No room."


def test_a_redelivery_can_request_an_annotated_video_that_the_upload_did_not(stage: Stage) -> None:
    stage.add("belt.mp4")
    [done] = stage.redeliver("belt.mp4", annotate=True)
    assert stage.read_input(done)["options"] == {**OPTIONS, "annotate": True}


def test_a_prefix_of_the_results_selects_all_jobs_below_it(stage: Stage) -> None:
    for key in ("line-3/a.mp4", "line-3/b/c.mp4", "line-4/d.mp4"):
        stage.add(key)
    stage.add("line-3/forgotten.mp4", is_known=False)
    done = {one.job["key"]: one.failure for one in stage.redeliver("s3://results/results/line-3/")}
    assert done == {
        "line-3/a.mp4": None,
        "line-3/b/c.mp4": None,
        "line-3/forgotten.mp4": "the ledger has no job job-of-forgotten.mp4",
    }


@pytest.mark.slow
@pytest.mark.parametrize("status", ["failed", "overdue", "cancelled", "done"])
def test_the_api_is_called_for_a_job_without_stored_results(stage: Stage, status: JobState) -> None:
    stage.add("belt.mp4", status=status, has_results=False)
    [done] = stage.redeliver("belt.mp4")
    assert stage.read_input(done)["redelivery"]


def test_a_job_that_has_no_results_yet_is_refused(stage: Stage) -> None:
    stage.add("belt.mp4", status="running", has_results=False)
    [refused] = stage.redeliver("belt.mp4")
    assert refused.execution_arn is None
    assert refused.failure == "it has no results yet: its status is running"


def test_an_upload_without_a_job_is_refused(stage: Stage) -> None:
    stage.ledger.record(
        Upload(bucket="uploads", key="notes.txt", size_bytes=5, etag="e1", version_id="v1"),
        1,
        status="rejected",
        error="No video.",
    )
    [refused] = stage.redeliver("notes.txt")
    assert refused.failure == "it has no job at the API: its status is rejected"


def test_the_error_about_an_empty_prefix_says_where_results_are(stage: Stage) -> None:
    with pytest.raises(CommandError, match="results/<upload key>/<job_id>/"):
        stage.redeliver("s3://results/line-3/")


def test_the_error_about_another_bucket_names_that_of_the_results(stage: Stage) -> None:
    with pytest.raises(CommandError, match=r"s3://elsewhere/line-3/ is not a video .* not below s3://results/"):
        stage.redeliver("s3://elsewhere/line-3/")


def test_a_failed_execution_is_reported_with_its_reason(stage: Stage) -> None:
    stage.add("belt.mp4")
    stage.status = "FAILED"
    [failed] = stage.redeliver("belt.mp4")
    assert failed.failure == "The results are not JSON."


def test_two_redeliveries_of_a_job_at_once_are_refused_in_plain_words(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their executions would have the same name."""
    stage.add("belt.mp4")
    monkeypatch.setattr("videoinfer.redelivery.datetime", StoppedClock)
    [first] = stage.redeliver("belt.mp4")
    [second] = stage.redeliver("belt.mp4", annotate=True)
    assert first.failure is None
    assert second.execution_arn is None
    assert second.failure == "another redelivery of it has just started"
