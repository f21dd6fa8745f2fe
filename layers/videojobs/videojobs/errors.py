"""The pipeline's own exceptions.

    VideoJobsError
    ├── ApiUnavailable   no usable answer: try again later
    │   ├── BrokenAnswer an answer without usable content: tried again a few times at most
    │   ├── TurnLater    not asked: the budget of requests is used up
    │   └── LinkRefused  a link that is not followed
    ├── ApiRefused       an answer that trying again will not change
    ├── LinkExpired      a download link no longer works: ask for the status again
    ├── ResultsGone      the API has no results of the job
    ├── BrokenResults    a results file that breaks the contract
    ├── OutOfTime        the function ends soon: another invocation continues
    ├── SendingTooSlow   a video that can't be sent within the function's time limit
    ├── InvalidOption    an option that can't be used
    │   └── InvalidParameter because of the stack's parameters, and not because of the upload
    ├── ChangeRefused    a job has changed to another state meanwhile
    ├── NewerSchema      written by a newer release, which this one would misread: tried again until that is back
    └── VideoNotDrawable no annotated video can be made
        └── NoRoomForVideo   because the disk is full, and not because of the video

The code that calls requests, urllib3 or msgspec translates their errors into these, and never as a `__cause__`: their
texts hold whole URLs, and URLs of this API contain the key.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from videojobs.foreign_text import printable

MESSAGE_MAX_CHARACTERS = 1_000
"""Maximum length of an error that quotes foreign text: it must fit the ledger, the execution's data and a notice."""


class VideoJobsError(Exception):
    """The base class of the pipeline's own exceptions."""


class ApiUnavailable(VideoJobsError):
    """The API is down, throttles, times out or gives an invalid answer; the same call may succeed later.

    `may_have_acted` is False if it is certain that the API did not execute the request.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None, *, may_have_acted: bool = True) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.may_have_acted = may_have_acted


class BrokenAnswer(ApiUnavailable):
    """The API answers, but breaks its contract or HTTP. It has probably executed the request.

    The head or the body of the answer is at fault. Without any head, or with one that reports an error of the server,
    it is an outage: an invalid status counts as 5xx (RFC 9110, 15).
    """


class TurnLater(ApiUnavailable):
    """The budget of requests is used up for now.

    Attributes:
        turn_at: The booked turn, in seconds since the epoch; None if it is too far ahead to be booked.
        seconds: How long until then.
    """

    def __init__(self, requests_per_minute: int, turn_at: float | None, seconds: float) -> None:
        when = f"has its turn at {datetime.fromtimestamp(turn_at, UTC):%H:%M:%S} UTC" if turn_at else "waits"
        limit = f"{requests_per_minute} requests a minute (ApiRequestsPerMinute)"
        text = f"The Video Inference API takes {limit}, and this one {when}."
        super().__init__(text, retry_after_seconds=seconds, may_have_acted=False)
        self.turn_at = turn_at
        self.seconds = seconds


class LinkRefused(ApiUnavailable):
    """The API's link, or its redirect, leads to a forbidden place; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The Video Inference API gave a link that is not followed: {why}.", may_have_acted=False)


class ApiRefused(VideoJobsError):
    """The API refused the request (4xx); `reason` is its own text."""

    def __init__(self, status_code: int, reason: str) -> None:
        super().__init__(f"The Video Inference API answered {status_code}: {reason}")
        self.status_code = status_code
        self.reason = reason


class LinkExpired(VideoJobsError):
    """A signed download link was refused."""


class ResultsGone(VideoJobsError):
    """The API has no results of a finished job; the message says why, and what to do."""


class OutOfTime(VideoJobsError):
    """The function's time is nearly used up."""


class BrokenResults(VideoJobsError):
    """The results file breaks the contract; the message says where."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, MESSAGE_MAX_CHARACTERS))


class SendingTooSlow(VideoJobsError):
    """There is no time left to send the rest of a video; the message says how much was sent."""

    def __init__(self, sent_bytes: int) -> None:
        super().__init__(f"{sent_bytes:,} bytes of the video were sent.")
        self.sent_bytes = sent_bytes


class InvalidOption(VideoJobsError):
    """An option can't be used; the message starts with its name.

    Attributes:
        remedy: What to set in an upload's metadata instead, if another option than the named one is at fault. An empty
            value is for a person to choose.
    """

    def __init__(self, message: str, *, remedy: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class InvalidParameter(InvalidOption):
    """The stack's `parameter` has an option that can't be used; the message starts with the parameter's name."""

    def __init__(self, parameter: str, fault: str) -> None:
        super().__init__(f"{parameter}: {fault}")
        self.parameter = parameter


class ChangeRefused(VideoJobsError):
    """The ledger was not changed: `status` may not follow the job's state, for example after a person cancelled it."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The job has changed to another state meanwhile, and can't become {status} any more.")
        self.status = status


class NewerSchema(VideoJobsError):
    """A newer release wrote it, and this one would misread it."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(f"A newer release of the pipeline wrote this (schema {version}; this release knows {known}).")


class VideoNotDrawable(VideoJobsError):
    """No annotated video can be made; the message says why."""


class NoRoomForVideo(VideoNotDrawable):
    """The disk has no room for the annotated video."""
