"""One poll: what is known of a job, as data that the state machine chooses by."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from videojobs.api.client import VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.errors import ApiRefused, ApiUnavailable, ChangeRefused, TurnLater, VideoJobsError
from videojobs.jobs.ledger import Job, Ledger
from videojobs.notices.notices import format_duration

REFUSALS_MAX = 3
"""How often in a row the API has to say that it does not know a job: one wrong answer must not end a job that is
billed.
"""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a poll found out: whether to wait on, to deliver, or to give up for `reason`.

    Attributes:
        status: `failed`, the API says that the job failed; `unknown`, it does not know the job, or reports a status
            that is not known; `ended`, the ledger says that the job had ended before this poll.
        wait_seconds: Of a job that is running, when to come back.
        turn_at: Where the API was not asked because its budget is used up, the turn that is booked: seconds since the
            epoch.
        asked: Whether the API was asked.
        start_offset: As the API's `ReportedStatus` has it.
        refusals: How many times the API has said that it does not know the job, since it last reported a status.
    """

    status: Literal["running", "done", "failed", "unknown", "overdue", "ended"]
    reason: str | None = None
    wait_seconds: int = 0
    turn_at: float | None = None
    asked: bool = True
    start_offset: float | None = None
    refusals: int = 0


def check_job(
    api: VideoInferenceApi,
    job: Job,
    now: datetime,
    poll_seconds: int,
    *,
    turn_at: float | None = None,
    refusals: int = 0,
) -> Check:
    """Asks the API about `job`, if it is its turn.

    Args:
        turn_at, refusals: What the check before this one answered.

    Raises:
        ApiUnavailable, ApiRefused: it could not be found out (an outage, a key that is no longer accepted), and there
            is time left to try again.
    """
    try:
        answer = api.check_job(api.turns.take("polls", turn_at), job.job_id)
    except ApiRefused as refused:
        if classify_refusal(refused.status_code) != "request" or (refusals + 1 < REFUSALS_MAX and job.is_overdue(now)):
            return _give_up_or_raise(refused, job, now)
        return _count_refusal(refused, poll_seconds, refusals + 1)
    except TurnLater as later:
        missed = turn_at is not None and turn_at != later.turn_at
        if missed and job.is_overdue(now):
            return _give_up(job, now, str(later))
        # However often a turn is missed, it fills no history: the next look is as far off as a poll.
        if missed and later.seconds < poll_seconds:
            return Check(status="running", reason=str(later), wait_seconds=poll_seconds, asked=False, refusals=refusals)
        return Check(
            status="running",
            reason=str(later),
            wait_seconds=int(later.seconds),
            turn_at=later.turn_at,
            asked=False,
            refusals=refusals,
        )
    except ApiUnavailable as unavailable:
        if unavailable.retry_after_seconds is None or job.is_overdue(now):
            return _give_up_or_raise(unavailable, job, now)
        seconds = min(unavailable.retry_after_seconds, job.seconds_left(now))
        wait_seconds = max(round(seconds), poll_seconds)
        return Check(status="running", reason=str(unavailable), wait_seconds=wait_seconds, refusals=refusals)
    if answer.state == "running" and job.is_overdue(now):
        return _give_up(job, now, "The API says that it is still running.")
    return Check(status=answer.state, reason=answer.reason, wait_seconds=poll_seconds, start_offset=answer.start_offset)


def record_check(ledger: Ledger, job: Job, check: Check, polls: int) -> Check:
    """Writes a poll down, and returns what the state machine is to go by.

    The job is written with it, in case `create_job` was not able to.
    """
    job = replace(job, start_offset=check.start_offset)
    try:
        ledger.record(job.upload, job.attempt, status="running", polls=polls, **job.to_values())
    except ChangeRefused:
        return replace(check, status="ended", reason="The job had come to its end already.")
    return check


def _count_refusal(refused: ApiRefused, poll_seconds: int, refusals: int) -> Check:
    reason = f"The API no longer knows the job: {refused.reason}"
    if refusals >= REFUSALS_MAX:
        return Check(status="unknown", reason=reason)
    return Check(status="running", reason=reason, wait_seconds=poll_seconds, refusals=refusals)


def _give_up_or_raise(error: VideoJobsError, job: Job, now: datetime) -> Check:
    if job.is_overdue(now):
        return _give_up(job, now, str(error))
    raise error


def _give_up(job: Job, now: datetime, last_words: str) -> Check:
    return Check(status="overdue", reason=f"Not done after {format_duration(job.age_seconds(now))}. {last_words}")
