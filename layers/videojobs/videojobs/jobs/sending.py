"""Input mode `upload`: the pipeline sends the video itself, by one PUT within one invocation."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError

from videojobs.api.client import Readable
from videojobs.errors import ApiUnavailable, SendingTooSlow
from videojobs.jobs.commands import compose_retry_command
from videojobs.jobs.uploads import Rejection, Upload

SENT_VIDEO_MAX_BYTES = 5 * 1000**3
"""The largest object that one PUT may send to S3, where the engine keeps its videos.

Source: Amazon S3 User Guide, https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
"""

SENDS_MAX = 3
"""How often in a row sending may be cut off by the end of the function before the upload is rejected."""

LAST_SECONDS = 180
"""What an invocation keeps for storage's answer, for the job's turn at the API, and for the ledger."""


def reject_sending(upload: Upload, item: Mapping[str, Any]) -> Rejection | None:
    """Why `upload` can't be sent to the API, or None.

    Args:
        item: The job as the ledger has it.
    """
    if upload.size_bytes > SENT_VIDEO_MAX_BYTES:
        limit = f"input mode upload sends at most {_format_size(SENT_VIDEO_MAX_BYTES)}"
        return Rejection(f"The video has {_format_size(upload.size_bytes)}, and {limit}.", _suggest_download(upload))
    if count_sends(item) >= SENDS_MAX:
        return Rejection(f"Sending the video to the API was cut off {SENDS_MAX} times.", _suggest_download(upload))
    return None


def reject_slow_sending(upload: Upload, slow: SendingTooSlow) -> Rejection:
    """Why `upload` will not be sent again."""
    sent = f"{_format_size(slow.sent_bytes)} of {_format_size(upload.size_bytes)}"
    return Rejection(f"Only {sent} reached the API in the time that a function has.", _suggest_download(upload))


def count_sends(item: Mapping[str, Any]) -> int:
    """How many sends in a row began and never ended."""
    return int(item.get("sends", 0)) if item.get("status") == "sending" else 0


class TimedVideo:
    """A video that is read while there is time to send it."""

    def __init__(self, video: Readable, count_seconds_left: Callable[[], float]) -> None:
        self._video = video
        self._count_seconds_left = count_seconds_left
        self._sent_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Raises SendingTooSlow, or ApiUnavailable where S3 does not give the rest."""
        if self._count_seconds_left() < LAST_SECONDS:
            raise SendingTooSlow(self._sent_bytes)
        try:
            piece = self._video.read(size)
        except BotoCoreError as error:
            problem = f"The video could not be read from S3 to the end ({type(error).__name__})."
            raise ApiUnavailable(problem, may_have_acted=False) from None
        self._sent_bytes += len(piece)
        return piece


def _suggest_download(upload: Upload) -> str:
    """The command that lets the API download the video, which has no such limit."""
    return f"{compose_retry_command(upload)} --metadata-directive REPLACE --metadata input-mode=presigned"


def _format_size(size_bytes: int) -> str:
    return f"{size_bytes / 1000**3:.1f} GB" if size_bytes >= 1000**3 else f"{size_bytes / 1000**2:.1f} MB"
