"""From a job to its results at the API: gets a new link, and opens it."""

from videojobs.api.client import ReportedStatus, ResultsStream, VideoInferenceApi
from videojobs.api.statuses import classify_refusal
from videojobs.errors import ApiRefused, ApiUnavailable, LinkExpired, LinkRefused, ResultsGone
from videojobs.jobs.commands import name_for_command
from videojobs.jobs.ledger import Job


def open_results(
    api: VideoInferenceApi, job: Job, turn_at: float | None, start: int, *, is_redelivery: bool
) -> tuple[ReportedStatus, ResultsStream]:
    """Opens the results at a new link, from byte `start` on. If the link has expired meanwhile, it is renewed once.

    Returns what the API says about the job, too.

    Args:
        is_redelivery: The job has ended before, so the API's answer about it is final now.

    Raises:
        ResultsGone: The API has no results.
        ApiUnavailable, ApiRefused, LinkExpired: The results are not available now.
    """

    def open_new_link(turn_at: float | None) -> tuple[ReportedStatus, ResultsStream]:
        status = _renew_link(api, job, turn_at, is_redelivery=is_redelivery)
        return status, api.open_results(status.output_signed_url or "", start)

    try:
        return open_new_link(turn_at)
    except LinkExpired:
        return open_new_link(None)
    except LinkRefused as refused:
        again = f"To try again later, run: videoinfer redeliver {name_for_command(job)}"
        raise ResultsGone(f"{refused} {again}") from None


def _renew_link(api: VideoInferenceApi, job: Job, turn_at: float | None, *, is_redelivery: bool) -> ReportedStatus:
    turn = api.turns.take("completions", turn_at)
    try:
        status = api.check_job(turn, job.job_id)
    except ApiRefused as refused:
        # The state machine retries a first delivery: one wrong answer must not lose billed results.
        if not is_redelivery or classify_refusal(refused.status_code) != "request":
            raise
        raise _make_gone(job, f"The API no longer has the job's results ({refused.reason})") from None
    if status.output_signed_url is not None:
        return status
    if not is_redelivery:
        raise ApiUnavailable(f"The API said that the job is done, but now says that it is {status.state}.")
    if status.state == "failed":
        raise _make_gone(job, f"The API says that the job failed: {(status.reason or '').rstrip('.')}")
    raise ResultsGone(f"{status.reason or 'The API is still running the job.'} Redeliver it later.")


def _make_gone(job: Job, why: str) -> ResultsGone:
    retry = f"To infer the video again, as a new job that is billed, run: videoinfer retry {name_for_command(job)}"
    return ResultsGone(f"{why}. {retry}")
