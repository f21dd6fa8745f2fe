"""One poll: what is known of a job, as data that the state machine chooses by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from videojobs.api import VideoInferenceApi
from videojobs.errors import ApiRefused, ApiUnavailable
from videojobs.jobs import Job
from videojobs.notices import format_duration

JOB_IS_UNKNOWN_STATUS_CODES = {400, 404, 410, 422}
"""Refusals that are about the job; others are about the key or the way."""


@dataclass(frozen=True)
class Check:
    """What a poll found out: whether to wait on, to deliver, or to give up for `reason`."""

    status: Literal["running", "done", "failed", "overdue"]
    reason: str | None = None


def check_job(api: VideoInferenceApi, job: Job, now: datetime) -> Check:
    """Asks the API about `job`.

    Raises:
        ApiUnavailable, ApiRefused: it could not be found out (an outage, a key that is no longer accepted), and there
            is time left to try again.
    """
    try:
        answer = api.check_job(job.job_id)
    except ApiRefused as refused:
        if refused.status_code in JOB_IS_UNKNOWN_STATUS_CODES:
            return Check("failed", f"The API no longer knows the job: {refused.reason}")
        if job.is_overdue(now):
            return _give_up(job, now, str(refused))
        raise
    except ApiUnavailable as unavailable:
        if job.is_overdue(now):
            return _give_up(job, now, str(unavailable))
        raise
    if answer.state == "running" and job.is_overdue(now):
        return _give_up(job, now, "The API says that it is still running.")
    return Check(answer.state, answer.reason)


def _give_up(job: Job, now: datetime, last_words: str) -> Check:
    return Check("overdue", f"Not done after {format_duration(job.age_seconds(now))}. {last_words}")
