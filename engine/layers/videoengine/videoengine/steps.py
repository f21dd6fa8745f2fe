"""The state machine's steps. What goes wrong with a job is data; what they raise is worth another try."""

from collections.abc import Callable
from typing import Literal, TypedDict

from videoengine import clients
from videoengine.errors import JobFailed
from videoengine.jobs import Job, JobsTable, JobStatus
from videoengine.logs import logger


class Outcome(TypedDict, total=False):
    """What a step tells the state machine: `failed` means that the job's record has the reason."""

    outcome: Literal["done", "failed"]
    segments: list[int]


def run_step(jobs_table: str, job_id: str, step: Callable[[Job, JobsTable], Outcome | None]) -> Outcome:
    """Runs one step of a job; a job that failed before, or that has expired, is left alone."""
    logger.append_keys(job_id=job_id)
    jobs = JobsTable(clients.dynamodb(), jobs_table)
    job = jobs.get(job_id)
    if job is None or job.status is JobStatus.FAILED:
        return {"outcome": "failed"}
    try:
        return {"outcome": "done", **(step(job, jobs) or {})}
    except JobFailed as failure:
        logger.warning("Job failed", reason=str(failure))
        jobs.fail(job_id, str(failure))
        return {"outcome": "failed"}
