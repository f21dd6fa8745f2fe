"""Writes of the same bytes to the same key of a bucket without versioning: which attempt S3's event requests.

With versioning, each write is a version with an ID, and an upload of its own. Without, an upload is what has this ETag
at this key, and each later write of it is the upload's next attempt: a person who corrects an object's metadata by a
copy onto itself gets a job, as with versioning. S3 may deliver an event twice, late and out of order; such an event
requests an attempt that exists.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count, takewhile
from typing import Any

from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import FIRST_ATTEMPT, JobRequest

_SEQUENCER_MAX = 64
"""More hexadecimal digits than a sequencer has; those that S3's documentation shows have 16 and 18."""


def choose_attempt(ledger: Ledger, request: JobRequest) -> JobRequest:
    """Returns `request` with the attempt at its upload that it means: a new one if the object was written again."""
    if request.upload.sequencer is None or request.written_at is None:
        return request
    items = list(_read_attempts(ledger, request))
    if not items or not _is_later_write(request.upload.sequencer, request.written_at, items):
        return request
    return replace(request, attempt=FIRST_ATTEMPT + len(items))


def _read_attempts(ledger: Ledger, request: JobRequest) -> Iterator[Mapping[str, Any]]:
    return takewhile(bool, (ledger.read(request.upload, attempt) or {} for attempt in count(FIRST_ATTEMPT)))


def _is_later_write(sequencer: str, written_at: datetime, items: list[Mapping[str, Any]]) -> bool:
    """Returns whether the object was written after all attempts at it.

    An attempt that `videoinfer backfill` requested has no sequencer: it knows objects from a list. Its job read the
    object after the item was recorded, so what was written earlier is what the job read.
    """
    known = [_pad(item["sequencer"]) for item in items if "sequencer" in item]
    if known:
        return _pad(sequencer) > max(known)
    recorded_at = max(datetime.fromisoformat(item["recorded_at"]) for item in items)
    return written_at.replace(microsecond=0) > recorded_at  # which has whole seconds


def _pad(sequencer: str) -> str:
    """Makes sequencers of one key comparable: S3's may differ in length.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return sequencer.upper().zfill(_SEQUENCER_MAX)
