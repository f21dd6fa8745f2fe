"""Which requests of a message in the uploads queue may become jobs, and at which attempt."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from videojobs.jobs.ledger import Ledger
from videojobs.jobs.rewrites import choose_attempt
from videojobs.jobs.uploads import JobRequest, Upload, find_extension, read_requests
from videojobs.logs import logger
from videojobs.metrics import measure
from videojobs.video_formats import VIDEO_FORMATS

EVERY_OBJECT = "*"
ALL_VIDEOS = "videos"
"""The known extensions that only videos have."""

_EXTENSIONS: Mapping[str, frozenset[str]] = {
    ALL_VIDEOS: frozenset(it.extension for it in VIDEO_FORMATS if it.is_always_video),
    **{it.extension.removeprefix("."): frozenset({it.extension}) for it in VIDEO_FORMATS},
}
"""What a name in a list of extensions stands for."""


@dataclass(frozen=True)
class UploadFilter:
    """Which objects of the uploads bucket are uploads. All others are ignored: other tools write there too.

    Attributes:
        extensions: In lower case, with the dot; None for every object.
    """

    extensions: frozenset[str] | None

    @classmethod
    def parse(cls, upload_extensions: str) -> Self:
        """Reads `*` (every object), or a list with commas of `videos` (see `ALL_VIDEOS`) and known extensions without
        their dots. The template's pattern accepts the same. Raises ValueError.
        """
        if upload_extensions == EVERY_OBJECT:
            return cls(None)
        names = re.split(", *", upload_extensions)
        for name in names:
            if name not in _EXTENSIONS:
                raise ValueError(f"UploadExtensions: {name!r} is not one of {', '.join(_EXTENSIONS)}.")
        return cls(frozenset().union(*(_EXTENSIONS[name] for name in names)))

    def takes(self, upload: Upload) -> bool:
        return self.extensions is None or find_extension(upload.key).lower() in self.extensions


@dataclass(frozen=True)
class Intake:
    """Reads messages of the uploads queue.

    Attributes:
        results_bucket: Its objects are never uploads: an annotated video there would become a job, which makes another.
    """

    uploads: UploadFilter
    results_bucket: str
    ledger: Ledger

    def read(self, event: Mapping[str, Any]) -> Iterator[JobRequest]:
        """Yields the requests in `event` that may become jobs. Logs and counts those that it ignores."""
        for request in read_requests(event):
            if why := self._find_reason_to_ignore(request):
                _ignore(request, why)
            elif chosen := choose_attempt(self.ledger, request):
                yield chosen
            else:
                _ignore(request, "The same bytes were written again, and that write has a job.")

    def _find_reason_to_ignore(self, request: JobRequest) -> str | None:
        if request.upload.bucket == self.results_bucket:
            return "It is in the results bucket."
        # A person has chosen what they request.
        if request.written_at and not self.uploads.takes(request.upload):
            return "UploadExtensions leaves it out."
        return None


def _ignore(request: JobRequest, why: str) -> None:
    logger.info("The object is ignored.", upload=request.upload.uri, reason=why)
    measure("UploadsIgnored")
