"""Writes of the same bytes to the same key of a bucket without versioning: which attempt S3's event requests.

With versioning, each write is a version with an ID, and an upload of its own. Without, an upload is what has this ETag
at this key, and each later write of it is the upload's next attempt: a person who corrects an object's metadata by a
copy onto itself gets a job, as with versioning. S3 may deliver an event twice, late and out of order, and SQS delivers
it again if it has to wait. So an event requests the attempt that has its sequencer; only an event that is later than
all attempts requests a new one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import count, takewhile
from typing import Any

from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import FIRST_ATTEMPT, JobRequest

_SEQUENCER_MAX = 64
"""More hexadecimal digits than a sequencer has; those that S3's documentation shows have 16 and 18."""


def choose_attempt(ledger: Ledger, request: JobRequest) -> JobRequest | None:
    """Returns `request` with the attempt at its upload that it means: a new one if the object was written again.

    None if the same bytes were written again meanwhile, and that write has an attempt but this one has none.
    """
    sequencer = request.upload.sequencer
    if sequencer is None or request.written_at is None:
        return request
    items = dict(enumerate(_read_attempts(ledger, request), FIRST_ATTEMPT))
    known = {attempt: _pad(item["sequencer"]) for attempt, item in items.items() if "sequencer" in item}
    if own := [attempt for attempt, other in known.items() if other == _pad(sequencer)]:
        return replace(request, attempt=own[0])  # the others are its retries
    if known and _pad(sequencer) < max(known.values()):
        return None
    if items and not known and not _is_later(request.written_at, items.values()):
        return replace(request, upload=replace(request.upload, sequencer=None))
    return replace(request, attempt=FIRST_ATTEMPT + len(items))


def _read_attempts(ledger: Ledger, request: JobRequest) -> Iterator[Mapping[str, Any]]:
    return takewhile(bool, (ledger.read(request.upload, attempt) or {} for attempt in count(FIRST_ATTEMPT)))


def _is_later(written_at: datetime, items: Iterable[Mapping[str, Any]]) -> bool:
    """Returns whether the object was written after all attempts at it, which have no sequencer.

    `videoinfer backfill` requested them: it knows objects from a list. Its job read the object after the item was
    recorded, so what was written earlier is what the job read.
    """
    recorded_at = max(datetime.fromisoformat(item["recorded_at"]) for item in items)
    return written_at.replace(microsecond=0) > recorded_at  # which has whole seconds


def _pad(sequencer: str) -> str:
    """Makes sequencers of one key comparable: S3's may differ in length.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return sequencer.upper().zfill(_SEQUENCER_MAX)
