"""One poll: a job's status, as data that the state machine's choices read."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from videojobs.api.client import VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.errors import ApiRefused, ApiUnavailable, ChangeRefused, TurnLater, VideoJobsError
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.times import format_duration

REFUSALS_MAX = 3
"""How often in a row the API must say that it does not know a job: one wrong answer must not end a billed job."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of a poll: whether to keep waiting, to deliver, or to give up for `reason`.

    Attributes:
        status: `failed`: the API says that the job failed; `unknown`: the API does not know the job, or reports an
            unknown status; `ended`: the ledger says that the job had ended before this poll.
        wait_seconds: How long to wait until the next poll of a running job.
        turn_at: The booked turn in seconds since the epoch, if the budget allowed no request now.
        asked: Whether a request was sent to the API.
        start_offset, progress: See `ReportedStatus`.
        api_cost_usd: What the API says that the job cost; see `ReportedStatus`.
        refusals: How many times the API has said that it does not know the job, since it last reported a status.
    """

    status: Literal["running", "done", "failed", "unknown", "overdue", "ended"]
    reason: str | None = None
    wait_seconds: int = 0
    turn_at: float | None = None
    asked: bool = True
    start_offset: float | None = None
    progress: int | None = None
    api_cost_usd: float | None = None
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
    """Asks the API about `job`, if the budget allows it.

    Args:
        turn_at, refusals: From the previous `Check`.

    Raises:
        ApiUnavailable, ApiRefused: The status could not be found out (an outage, a key that is no longer accepted), and
            there is time left to try again.
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
        # Wait as long as between polls, so that missed turns can't fill the execution's history.
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
        return _give_up(job, now, "The API says that the job is still running.")
    return Check(
        status=answer.state,
        reason=answer.reason,
        wait_seconds=poll_seconds,
        start_offset=answer.start_offset,
        progress=answer.progress,
        api_cost_usd=answer.cost_usd,
    )


def record_check(ledger: Ledger, job: Job, check: Check, polls: int) -> Check:
    """Records a poll in the ledger, and returns `check`, or that the job has ended meanwhile.

    It records the job's own values too, in case `create_job` could not. While the job is running, a poll without
    progress leaves the last one.
    """
    job = replace(job, start_offset=check.start_offset, api_cost_usd=check.api_cost_usd)
    values = job.to_values()
    if check.status != "running" or check.progress is not None:
        values["progress"] = check.progress
    try:
        ledger.record(job.upload, job.attempt, status="running", polls=polls, **values)
    except ChangeRefused:
        return replace(check, status="ended", reason="The job had already ended.")
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


def _give_up(job: Job, now: datetime, last_answer: str) -> Check:
    return Check(status="overdue", reason=f"Not done after {format_duration(job.age_seconds(now))}. {last_answer}")
