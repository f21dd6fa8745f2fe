"""What can go wrong between the pipeline and the world.

    VideoJobsError
    ├── ApiUnavailable   no usable answer: try again later
    │   ├── BrokenAnswer a success that says nothing usable: tried again a few times at most
    │   ├── TurnLater    not asked at all: too many requests come before
    │   └── LinkRefused  a link that is not followed
    ├── ApiRefused       an answer that trying again will not change
    ├── LinkExpired      a download link no longer works: ask for the status again
    ├── ResultsGone      the API has no results of the job
    ├── BrokenResults    a results file that breaks the contract
    ├── OutOfTime        the function ends soon: another invocation goes on
    ├── SendingTooSlow   a video that can't be sent in the time that a function has
    ├── InvalidOption    an option that can't be used
    ├── ChangeRefused    a job has come to another state meanwhile
    └── VideoNotDrawable no annotated video can be made
        └── NoRoomForVideo   because the disk is full, and not because of the video

Foreign errors (requests, urllib3, msgspec) become one of these where they arise, and never as a `__cause__`: their
texts hold whole URLs, and in a URL of this API stands the key.
"""

from datetime import UTC, datetime

from videojobs.foreign_text import printable

MESSAGE_MAX_CHARACTERS = 1_000
"""Of an error that quotes what came: the ledger, a state machine's data and a notice have room for it."""


class VideoJobsError(Exception):
    """The root of the pipeline's own exceptions."""


class ApiUnavailable(VideoJobsError):
    """The API is down, throttles, times out or talks nonsense; the same call may work later.

    `may_have_acted` is False where it is certain that the API did not do what it was asked for.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None, *, may_have_acted: bool = True) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.may_have_acted = may_have_acted


class BrokenAnswer(ApiUnavailable):
    """The API answers with success, but not as its contract says. It has probably done what it was asked for."""


class TurnLater(ApiUnavailable):
    """The budget of requests is used up for now.

    Attributes:
        turn_at: The turn that is booked, in seconds since the epoch; None if it is too far off to be booked.
        seconds: Until then.
    """

    def __init__(self, requests_per_minute: int, turn_at: float | None, seconds: float) -> None:
        when = f"has its turn at {datetime.fromtimestamp(turn_at, UTC):%H:%M:%S} UTC" if turn_at else "waits"
        limit = f"{requests_per_minute} requests a minute (ApiRequestsPerMinute)"
        text = f"The Video Inference API takes {limit}, and this one {when}."
        super().__init__(text, retry_after_seconds=seconds, may_have_acted=False)
        self.turn_at = turn_at
        self.seconds = seconds


class LinkRefused(ApiUnavailable):
    """The API's link, or what it redirects to, is none that may be followed; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The Video Inference API gave a link that is not followed: {why}.", may_have_acted=False)


class ApiRefused(VideoJobsError):
    """The API understood and said no (a 4xx); `reason` is what it said."""

    def __init__(self, status_code: int, reason: str) -> None:
        super().__init__(f"the Video Inference API answered {status_code}: {reason}")
        self.status_code = status_code
        self.reason = reason


class LinkExpired(VideoJobsError):
    """A signed download link was refused."""


class ResultsGone(VideoJobsError):
    """The API has no results of a job that was done; the message says why, and what helps."""


class OutOfTime(VideoJobsError):
    """The time that a function has is over but for what it takes to say so."""


class BrokenResults(VideoJobsError):
    """The results file is not what the contract says; the message says where it breaks."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, MESSAGE_MAX_CHARACTERS))


class SendingTooSlow(VideoJobsError):
    """There is no time left to send the rest of a video."""

    def __init__(self, sent_bytes: int) -> None:
        super().__init__(f"{sent_bytes:,} bytes of the video were sent.")
        self.sent_bytes = sent_bytes


class InvalidOption(VideoJobsError):
    """An option that can't be used; the message starts with its name."""


class ChangeRefused(VideoJobsError):
    """The ledger was not changed: the job is in a state that `status` may not follow, as when a person cancelled it."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The job has come to another state meanwhile, and can't be {status} any more.")
        self.status = status


class VideoNotDrawable(VideoJobsError):
    """There will be no annotated video; the message says why."""


class NoRoomForVideo(VideoNotDrawable):
    """The annotated video can't be written where it should be."""
