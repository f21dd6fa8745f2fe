"""Input mode `upload`: the pipeline sends the video itself, in one PUT within one invocation."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from videojobs.api.client import Readable
from videojobs.errors import ApiUnavailable, SendingTooSlow
from videojobs.jobs.uploads import Rejection, Upload

SENT_VIDEO_MAX_BYTES = 5 * 1000**3
"""The largest object that S3, where the engine stores its videos, accepts in one PUT.

Source: Amazon S3 User Guide, https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
"""

SENDS_MAX = 3
"""How often in a row the function's end may cut off the sending before the upload is rejected."""

LAST_SECONDS = 180
"""Time to keep for storage's answer, the job's turn at the API, and the ledger."""


def reject_sending(upload: Upload, item: Mapping[str, Any], remedy: str) -> Rejection | None:
    """Returns why `upload` can't be sent to the API, or None.

    Args:
        item: The job's item in the ledger.
        remedy: The command that lets the API download the video instead, without these limits.
    """
    if upload.size_bytes > SENT_VIDEO_MAX_BYTES:
        limit = f"input mode upload sends at most {_format_size(SENT_VIDEO_MAX_BYTES)}"
        return Rejection(f"The video has {_format_size(upload.size_bytes)}, and {limit}.", remedy)
    if count_sends(item) >= SENDS_MAX:
        return Rejection(f"Sending the video to the API was cut off {SENDS_MAX} times.", remedy)
    return None


def reject_slow_sending(upload: Upload, slow: SendingTooSlow, remedy: str) -> Rejection:
    """Returns why `upload` will not be sent again. `remedy` is the same as `reject_sending`'s."""
    sent = f"{_format_size(slow.sent_bytes)} of {_format_size(upload.size_bytes)}"
    return Rejection(f"Only {sent} reached the API within the function's time limit.", remedy)


def count_sends(item: Mapping[str, Any]) -> int:
    """Returns how many sends in a row were cut off."""
    return int(item.get("sends", 0)) if item.get("status") == "sending" else 0


class TimedVideo:
    """A video stream that raises an error when there is no time left to send the rest."""

    def __init__(self, video: Readable, count_seconds_left: Callable[[], float]) -> None:
        self._video = video
        self._count_seconds_left = count_seconds_left
        self._sent_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Raises SendingTooSlow, or ApiUnavailable if S3 fails."""
        if self._count_seconds_left() < LAST_SECONDS:
            raise SendingTooSlow(self._sent_bytes)
        try:
            piece = self._video.read(size)
        except BotoCoreError as error:
            problem = f"The video could not be read to its end from S3 ({type(error).__name__})."
            raise ApiUnavailable(problem, may_have_acted=False) from None
        self._sent_bytes += len(piece)
        return piece


def _format_size(size_bytes: int) -> str:
    return f"{size_bytes / 1000**3:.1f} GB" if size_bytes >= 1000**3 else f"{size_bytes / 1000**2:.1f} MB"
