"""Runs the steps of the state machine. A failed job is an outcome; an exception means that a retry may help."""

from collections.abc import Callable
from typing import Any, Literal, TypedDict

from videoengine.errors import JobFailed
from videoengine.logs import logger

MAX_REASON_LENGTH = 2000
"""Error messages of libraries can be long, and the payload of a state is limited to 256 KiB."""


class Outcome(TypedDict, total=False):
    """The output of a step, which the state machine writes into the job's record.

    Attributes:
        reason: why the job failed, for a person. Only if `outcome` is `failed`.
        job: the result of `JobSpec.to_json`, from `fetch_video`.
        note: a remark about the video for its owner, from `plan_job`; may be empty.
        segments: the segments' numbers in the order to start them, from `plan_job`.
        is_short: the result of `are_short`, from `plan_job`.
        start_offset: `Timeline.start_offset`, from `plan_job`.
        cost_usd: what is not in the job's record yet, in US dollars, as text for DynamoDB; `metered` adds it.
    """

    outcome: Literal["done", "failed"]
    reason: str
    job: dict[str, Any]
    note: str
    segments: list[int]
    is_short: bool
    start_offset: float
    cost_usd: str


def run_step(job_id: str, step: Callable[[], Outcome | None]) -> Outcome:
    """Runs one step of a job. `JobFailed` becomes the outcome `failed`; other exceptions pass through."""
    logger.append_keys(job_id=job_id)
    try:
        return {"outcome": "done", **(step() or {})}
    except JobFailed as failure:
        reason = str(failure)[:MAX_REASON_LENGTH]
        logger.warning("Job failed", reason=reason)
        return {"outcome": "failed", "reason": reason}
