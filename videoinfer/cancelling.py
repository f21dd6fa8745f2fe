"""Cancelling a job: nobody waits for it any more. The API has no call for it, and goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from videoinfer.errors import CommandError
from videoinfer.job_requests import read_upload
from videoinfer.ledger_view import Item
from videojobs.errors import ChangeRefused
from videojobs.jobs.ledger import Ledger, format_time
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.workflow import locate_execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

REASON = "A person cancelled it."

type Bill = Literal["all", "nothing"]
"""What the API bills of a job that was cancelled."""


def cancel_job(sfn: SFNClient, state_machine_arn: str, ledger: Ledger, job: Item) -> Bill:
    """Writes the end down, and then stops the execution, whose own end is then told by a notice.

    Every function looks whether the job is cancelled before it goes on, so it may be at any step. Done again, as after
    an interruption, this stops what is still running.

    Raises:
        CommandError: The job has come to another end; says which.
    """
    upload, attempt = read_upload(job), int(job["attempt"])
    if job["status"] != "cancelled":
        if job["status"] in ENDED_STATES:
            raise CommandError(f"The job of {job['key']} has come to its end: it is {job['status']}.")
        try:
            ledger.record(upload, attempt, status="cancelled", error=REASON, finished_at=format_time(datetime.now(UTC)))
        except ChangeRefused as refused:
            raise CommandError(f"The job of {job['key']} has just come to its end: see `videoinfer show`.") from refused
    arn = job.get("execution_arn") or locate_execution(state_machine_arn, upload, attempt)
    stop_execution(sfn, arn, REASON)
    return "all" if "job_id" in job else "nothing"


def stop_execution(sfn: SFNClient, arn: str, cause: str) -> None:
    """Stops an execution as cancelled. One that was never started, or that has ended meanwhile, is left as it is."""
    try:
        sfn.stop_execution(executionArn=arn, error="Cancelled", cause=cause)
    except sfn.exceptions.ExecutionDoesNotExist:
        return
    except sfn.exceptions.ValidationException:  # one of the errors that AWS documents for the call, without a cause
        if sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
            raise


def describe_bill(job: Item, bill: Bill) -> str:
    """What a person has to know of the bill."""
    unanswered = Unanswered.from_item(job).describe()
    if bill == "nothing":
        return unanswered or "The API has made no job of it, so it bills nothing."
    options = job["options"]
    models = " and ".join(f"{model['model_id']}/{model['model_version']}" for model in options["models"])
    words = (
        f"The API has no call that cancels: job {job['job_id']} goes on there, and all of it will be billed: "
        f"{options['infer_fps']} frames of each second of the video, by {models}."
    )
    return f"{words} {unanswered}" if unanswered else words
