"""Follows a job in the ledger until its end."""

from __future__ import annotations

import time
from collections.abc import Iterator

from videoinfer.errors import JobMissing
from videoinfer.ledger_view import Item, LedgerView
from videojobs.jobs.states import ENDED_STATES

LOOK_INTERVAL_SECONDS = 2.0

APPEARANCE_SECONDS = 60.0
"""How long a new upload or retry may take to get into the ledger: S3's event, the queue and the function's start."""


def follow_job(ledger: LedgerView, name: str) -> Iterator[Item]:
    """Yields a job's item at once and again whenever it was looked up, until the job has ended.

    Args:
        name: As `LedgerView.find_job` takes it. The job need not be in the ledger yet.

    Raises:
        JobMissing: There was no such job for `APPEARANCE_SECONDS`.
    """
    item = _wait_for_job(ledger, name)
    yield item
    while item["status"] not in ENDED_STATES:
        time.sleep(LOOK_INTERVAL_SECONDS)
        for found in ledger.read_all([item]):
            item = found
            break
        else:
            raise JobMissing(f"{name} was removed from the ledger.")
        yield item


def _wait_for_job(ledger: LedgerView, name: str) -> Item:
    deadline = time.monotonic() + APPEARANCE_SECONDS
    while True:
        try:
            return ledger.find_job(name)[0]
        except JobMissing:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_INTERVAL_SECONDS)
