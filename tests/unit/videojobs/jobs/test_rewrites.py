"""Writes of the same bytes to one key of a bucket without versioning."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.jobs.rewrites import choose_attempt
from videojobs.jobs.uploads import JobRequest, Upload

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Attempts:
    """The attempts at one upload in the ledger."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = list(items)

    def read(self, upload: Upload, attempt: int) -> dict[str, Any] | None:
        return self.items[attempt - 1] if attempt <= len(self.items) else None

    def take(self, request: JobRequest) -> None:
        """Records the attempt that an event requests, as create_job does."""
        if (choose(self, request) or 0) > len(self.items):
            self.items.append(make_item(request.upload.sequencer))


def make_item(sequencer: str | None, recorded_at: datetime = NOON) -> dict[str, Any]:
    known = {"sequencer": sequencer} if sequencer else {}
    return {"recorded_at": recorded_at.isoformat(timespec="seconds"), **known}


def make_request(
    sequencer: str | None, written_at: datetime | None = NOON, version_id: str | None = None
) -> JobRequest:
    upload = Upload(bucket="footage", key="a.mp4", size_bytes=1, etag="e", version_id=version_id, sequencer=sequencer)
    return JobRequest(upload, 1, written_at)


def choose(attempts: Attempts, request: JobRequest) -> int | None:
    chosen = choose_attempt(attempts, request)  # type: ignore[arg-type]
    return chosen.attempt if chosen else None


def test_an_event_that_comes_again_requests_the_attempt_that_has_its_sequencer() -> None:
    attempts = Attempts(make_item("0A"), make_item("1B"), make_item("1B"), make_item("1C"))  # the third is a retry
    assert [choose(attempts, make_request(it)) for it in ("0A", "1B", "001c")] == [1, 2, 4]


def test_an_event_that_comes_after_that_of_a_later_write_requests_nothing() -> None:
    assert choose(Attempts(make_item("0A"), make_item("1B")), make_request("000B")) is None


def test_an_event_about_what_the_backfill_s_job_reads_requests_that_attempt_as_it_is() -> None:
    request = choose_attempt(Attempts(make_item(None)), make_request("0A"))  # type: ignore[arg-type]
    assert request
    assert (request.attempt, request.upload.sequencer) == (1, None)


@pytest.mark.parametrize(("known", "later"), [("0A", "0B"), ("FF", "100"), ("0fe", "FF"), ("000F", "1F")])
def test_a_later_write_of_the_same_bytes_is_a_new_attempt(known: str, later: str) -> None:
    assert choose(Attempts(make_item(known)), make_request(later)) == 2
    assert choose(Attempts(make_item(later)), make_request(known)) is None


@pytest.mark.parametrize(("seconds", "attempt"), [(-60, 1), (0, 1), (0.9, 1), (1, 2), (60, 2)])
def test_the_time_decides_if_the_attempt_was_requested_without_an_event(seconds: float, attempt: int) -> None:
    request = make_request("0A", NOON + timedelta(seconds=seconds))
    assert choose(Attempts(make_item(None)), request) == attempt


def test_only_events_about_objects_without_a_version_read_the_ledger() -> None:
    for request in (make_request(None), make_request("0A", None)):
        assert choose_attempt(None, request) is request  # type: ignore[arg-type]


SEQUENCERS = [f"{number * 37:X}" for number in range(1, 10)]


@given(st.permutations(2 * SEQUENCERS))
def test_in_any_order_there_is_at_most_one_attempt_for_each_write(events: list[str]) -> None:
    attempts = Attempts()
    for sequencer in events:
        attempts.take(make_request(sequencer))
    known = [item["sequencer"] for item in attempts.items]
    assert len(known) == len(set(known))
    assert known[-1] == SEQUENCERS[-1]  # the latest write always has a job
