"""Cancelling a job: nobody waits for it any more. The API has no call for it, and goes on."""

from __future__ import annotations

from typing import Literal

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.jobs import Item, JobsTable
from videojobs.jobs import ENDED_STATES
from videojobs.unanswered import Unanswered

REASON = "A person cancelled it."

type Bill = Literal["all", "nothing"]
"""What the API bills of a job that was cancelled."""


def cancel_job(clients: AwsClients, table: JobsTable, job: Item) -> Bill:
    """Writes the end down, and then stops the execution, whose own end is then told by a notice.

    Done again, as after an interruption, it stops what is still running.

    Raises:
        CommandError: The job has come to another end, or has not come far enough to be cancelled; says what to do.
    """
    if job["status"] == "creating" or (job["status"] == "running" and "execution_arn" not in job):
        raise CommandError(f"The API is being asked for the job of {job['key']} right now: cancel it in a minute.")
    if job["status"] != "cancelled":
        if job["status"] in ENDED_STATES:
            raise CommandError(f"The job of {job['key']} has come to its end: it is {job['status']}.")
        if not table.change_status(job, "cancelled", REASON):
            raise CommandError(f"The job of {job['key']} has just gone on: see `videoinfer show`, and cancel it again.")
    if arn := job.get("execution_arn"):
        clients.stepfunctions.stop_execution(executionArn=arn, error="Cancelled", cause=REASON)
    return "all" if "job_id" in job else "nothing"


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
