"""The state machine's steps. What goes wrong with a job is data; what they raise is worth another try."""

from collections.abc import Callable
from typing import Any, Literal, TypedDict

from videoengine.errors import JobFailed
from videoengine.logs import logger

MAX_REASON_LENGTH = 2000
"""A library's words can be many, and a state's payload ends at 256 KiB."""


class Outcome(TypedDict, total=False):
    """What a step tells the state machine, which writes it into the job's record.

    Attributes:
        reason: why the job `failed`, for a person.
        job: `JobSpec.to_json`, of `fetch_video`.
        note: what there is to tell of the video, of `plan_job`; may be empty.
        segments: the segments' numbers in the order to begin them in, of `plan_job`.
        start_offset: `Timeline.start_offset`, of `plan_job`.
    """

    outcome: Literal["done", "failed"]
    reason: str
    job: dict[str, Any]
    note: str
    segments: list[int]
    start_offset: float


def run_step(job_id: str, step: Callable[[], Outcome | None]) -> Outcome:
    """Runs one step of a job."""
    logger.append_keys(job_id=job_id)
    try:
        return {"outcome": "done", **(step() or {})}
    except JobFailed as failure:
        reason = str(failure)[:MAX_REASON_LENGTH]
        logger.warning("Job failed", reason=reason)
        return {"outcome": "failed", "reason": reason}
