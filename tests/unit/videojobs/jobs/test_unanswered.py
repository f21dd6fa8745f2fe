"""Unanswered calls are counted before they are made, and reported until their answer is found."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from videojobs.jobs.ledger import Job
from videojobs.jobs.unanswered import Unanswered

NOW = datetime(2026, 11, 2, 8, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_count_survives_the_ledger(aws: Any, job: Job, calls: int) -> None:
    unanswered = Unanswered()
    for number in range(calls):
        unanswered = unanswered.with_one_more(NOW + timedelta(seconds=number), "k1")
    aws.ledger.record(job.upload, job.attempt, **unanswered.to_values())
    assert Unanswered.from_item(aws.ledger.read(job.upload, job.attempt)) == unanswered
    assert unanswered.count == calls


def test_each_answer_reduces_the_count_and_the_last_removes_it(aws: Any, job: Job) -> None:
    unanswered = Unanswered().with_one_more(NOW, "k1").with_one_more(NOW + timedelta(hours=1), "k1")
    assert unanswered.with_one_less() == Unanswered(1, "2026-11-02T09:00:30+00:00", "k1")
    none = unanswered.with_one_less().with_one_less()
    assert none == none.with_one_less() == Unanswered()
    aws.ledger.record(job.upload, job.attempt, **unanswered.to_values())
    aws.ledger.record(job.upload, job.attempt, **none.to_values())
    assert not {"unanswered", "unanswered_at", "idempotency_key"} & set(aws.ledger.read(job.upload, job.attempt))


def test_one_answer_is_that_of_all_calls_with_its_key() -> None:
    twice = Unanswered().with_one_more(NOW, "k1").with_one_more(NOW, "k1")
    assert twice.without("k1") == Unanswered()
    assert twice.without("k2") == twice
    mixed = twice.with_one_more(NOW, "k2")
    assert mixed.without("k1") == mixed.without("k2") == mixed
    assert mixed.with_one_more(NOW, "k2").without("k2").count == 4


def test_calls_that_an_older_release_counted_have_no_key() -> None:
    older = Unanswered.from_item({"unanswered": 1, "unanswered_at": NOW.isoformat()})
    assert older.with_one_more(NOW, "k1").without("k1").count == 2


def test_the_description_gives_count_and_time() -> None:
    assert Unanswered().describe() == ""
    one = Unanswered().with_one_more(NOW.astimezone(timezone(timedelta(hours=5))), "k1")
    assert one.describe().startswith("1 call to create this job, at 2026-11-02 08:00:30 UTC, got no")
    assert "may have created another job," in one.describe()
    two = one.with_one_more(NOW + timedelta(hours=1), "k1")
    assert two.describe().startswith("2 calls to create this job, the last at 2026-11-02 09:00:30 UTC,")
    assert "may have created another job each," in two.describe()
