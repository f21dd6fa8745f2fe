"""Cancels a job in the pipeline. The API has no call that cancels, so it finishes the job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from videoinfer.errors import CommandError
from videoinfer.ledger_view import Item
from videoinfer.listed_keys import list_key
from videojobs.errors import ChangeRefused
from videojobs.jobs.ledger import Ledger, format_time
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Upload
from videojobs.jobs.workflow import locate_execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

REASON = "A person cancelled it."

type Bill = Literal["all", "nothing"]
"""How much of a cancelled job the API bills."""


def cancel_job(sfn: SFNClient, state_machine_arn: str, ledger: Ledger, job: Item) -> Bill:
    """Records the job as cancelled, and then stops its execution, which results in a notice.

    The job may be at any step, because every function checks whether the job is cancelled before it continues. Calling
    this again, for example after an interruption, stops what is still running.

    Raises:
        CommandError: The job has already ended otherwise; the message says how.
    """
    upload, attempt = Upload.from_item(job), int(job["attempt"])
    if job["status"] != "cancelled":
        if job["status"] in ENDED_STATES:
            raise CommandError(f"The job of {list_key(job['key'])} has already ended: its status is {job['status']}.")
        try:
            ledger.record(upload, attempt, status="cancelled", error=REASON, finished_at=format_time(datetime.now(UTC)))
        except ChangeRefused as refused:
            raise CommandError(f"The job of {list_key(job['key'])} has just ended: see `videoinfer show`.") from refused
    arn = job.get("execution_arn") or locate_execution(state_machine_arn, upload, attempt)
    stop_execution(sfn, arn, REASON)
    return "all" if "job_id" in job else "nothing"


def stop_execution(sfn: SFNClient, arn: str, cause: str) -> None:
    """Stops an execution as cancelled. Does nothing if it was never started or has already ended."""
    try:
        sfn.stop_execution(executionArn=arn, error="Cancelled", cause=cause)
    except sfn.exceptions.ExecutionDoesNotExist:
        return
    except sfn.exceptions.ValidationException:  # AWS documents this error for the call, but not its cause
        if sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
            raise


def describe_work(options: Mapping[str, Any]) -> str:
    """What the API bills for a job with these options, which are plain JSON."""
    models = " and ".join(f"{model['model_id']}/{model['model_version']}" for model in options["models"])
    return f"{options['infer_fps']} frames of each second of the video, by {models}"


def describe_bill(job: Item, bill: Bill) -> str:
    """What the person who cancels has to know about the bill."""
    unanswered = Unanswered.from_item(job).describe()
    if bill == "nothing":
        return unanswered or "The API has created no job for it, so it bills nothing."
    words = (
        f"The API has no call that cancels: it finishes job {job['job_id']} and bills all of it: "
        f"{describe_work(job['options'])}."
    )
    return f"{words} {unanswered}" if unanswered else words
