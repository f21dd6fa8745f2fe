"""From a job to its results at the API: a fresh link, and what is behind it."""

from videojobs.api.client import ResultsStream, VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired, LinkRefused, ResultsGone
from videojobs.jobs.commands import name_for_command
from videojobs.jobs.ledger import Job


def open_results(
    api: VideoInferenceApi, job: Job, turn_at: float | None, start: int, *, is_redelivery: bool
) -> ResultsStream:
    """The results behind a fresh link, from byte `start` on; a link that has expired meanwhile is renewed once.

    Args:
        is_redelivery: The job has come to its end before: what the API says of it now is final.

    Raises:
        ResultsGone: The API has none.
        ApiUnavailable, ApiRefused, LinkExpired: They can't be had now.
    """
    try:
        return api.open_results(_renew_link(api, job, turn_at, is_redelivery=is_redelivery), start)
    except LinkExpired:
        return api.open_results(_renew_link(api, job, None, is_redelivery=is_redelivery), start)
    except LinkRefused as refused:
        again = f"Once it gives another, this delivers the results: videoinfer redeliver {name_for_command(job)}"
        raise ResultsGone(f"{refused} {again}") from None


def _renew_link(api: VideoInferenceApi, job: Job, turn_at: float | None, *, is_redelivery: bool) -> str:
    turn = api.turns.take("completions", turn_at)
    try:
        status = api.check_job(turn, job.job_id)
    except ApiRefused as refused:
        # The state machine retries a first delivery: one wrong answer must not cost results that are billed.
        if not is_redelivery or classify_refusal(refused.status_code) != "request":
            raise
        raise _make_gone(job, f"The API no longer has the job's results ({refused.reason})") from None
    if status.output_signed_url is not None:
        return status.output_signed_url
    if not is_redelivery:
        raise ApiUnavailable(f"The API said that the job is done and now says that it is {status.state}.")
    if status.state == "failed":
        raise _make_gone(job, f"The API says that the job failed: {(status.reason or '').rstrip('.')}")
    raise ResultsGone(f"{status.reason or 'The API is still running the job.'} Redeliver it later.")


def _make_gone(job: Job, why: str) -> ResultsGone:
    retry = f"To have it inferred again, as a new job that is billed: videoinfer retry {name_for_command(job)}"
    return ResultsGone(f"{why}. {retry}")
