"""Finding jobs in the ledger."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from videoinfer.errors import CommandError, JobMissing
from videoinfer.ledger_view import LedgerView, shorten_name
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.unanswered import Unanswered
from videojobs.jobs.uploads import Upload

CLIP = Upload(bucket="uploads", key="line-3/belt.mp4", size_bytes=5, etag="e1", version_id="version-1")


def names(items: Any) -> list[tuple[str, int]]:
    return [(item["key"], int(item["attempt"])) for item in items]


def test_jobs_are_listed_newest_first_whatever_their_state(jobs: LedgerView, ledger: Ledger) -> None:
    states: list[JobState] = ["done", "running", "failed", "done"]
    for number, status in enumerate(states):
        ledger.record(replace(CLIP, key=f"{number}.mp4"), 1, status=status)
    ledger.record(replace(CLIP, key="0.mp4"), 1, polls=7)

    assert names(jobs.list_jobs("all")) == [("3.mp4", 1), ("2.mp4", 1), ("1.mp4", 1), ("0.mp4", 1)]
    assert names(jobs.list_jobs("all", limit=2)) == [("3.mp4", 1), ("2.mp4", 1)]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("running", ["creating", "waiting", "running"]),
        ("failed", ["failed", "overdue", "rejected"]),
    ],
)
def test_jobs_are_selected_by_state(jobs: LedgerView, ledger: Ledger, selection: Any, expected: list[str]) -> None:
    for status in ("creating", "done", "failed", "overdue", "rejected", "running", "waiting"):
        ledger.record(replace(CLIP, key=f"{status}.mp4"), 1, status=status)

    assert {item["status"] for item in jobs.list_jobs(selection)} == set(expected)


def test_more_jobs_than_one_page_are_all_listed(
    jobs: LedgerView, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videoinfer.ledger_view._BATCH", 2)
    for number in range(5):
        ledger.record(replace(CLIP, key=f"{number}.mp4"), 1, status="failed")

    assert len(list(jobs.list_jobs("failed"))) == 5


def test_a_job_that_an_index_returns_twice_is_listed_once(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="running")
    [item] = jobs.list_jobs("running")

    assert list(jobs.read_all([item, item])) == [item]


def test_jobs_with_unanswered_calls_are_found_by_the_last_of_these(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="done")
    times = ["2026-01-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
    for number, time in enumerate(times):
        upload = replace(CLIP, key=f"{number}.mp4")
        ledger.record(upload, 1, status="done", **Unanswered(1, time).to_values())
    ledger.record(replace(CLIP, key="cleared.mp4"), 1, status="creating", **Unanswered(1, times[1]).to_values())
    ledger.record(replace(CLIP, key="cleared.mp4"), 1, status="running", **Unanswered().to_values())

    assert names(jobs.list_unanswered("uploads")) == [("1.mp4", 1), ("2.mp4", 1), ("0.mp4", 1)]
    assert names(jobs.list_unanswered("uploads", datetime(2026, 2, 1, tzinfo=UTC))) == [("1.mp4", 1), ("2.mp4", 1)]
    assert names(jobs.list_unanswered("elsewhere")) == []


def test_a_failure_that_was_retried_is_not_listed_as_failed(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="failed")
    ledger.record(CLIP, 2, status="failed")
    ledger.record(replace(CLIP, key="other.mp4"), 1, status="failed")
    ledger.record(replace(CLIP, key="other.mp4"), 2, status="done")

    assert names(jobs.list_jobs("failed")) == [("line-3/belt.mp4", 2)]


@pytest.mark.parametrize("status", ["done", "running", "failed"])
def test_a_failure_whose_video_was_replaced_is_not_listed_as_failed(
    jobs: LedgerView, ledger: Ledger, status: JobState
) -> None:
    newer = replace(CLIP, version_id="version-2")
    ledger.record(CLIP, 1, status="rejected")
    ledger.record(newer, 1, status=status)
    ledger.record(CLIP, 2, status="failed")
    ledger.record(replace(CLIP, bucket="elsewhere", version_id="version-3"), 1, status="done")

    listed = [item["version_id"] for item in jobs.list_jobs("failed")]

    assert listed == (["version-2"] if status == "failed" else [])


def test_a_failure_that_follows_another_version_is_listed_as_failed(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(replace(CLIP, version_id="version-0"), 1, status="done")
    ledger.record(CLIP, 1, status="failed")

    assert names(jobs.list_jobs("failed")) == [("line-3/belt.mp4", 1)]


@pytest.mark.parametrize(
    ("job", "attempt"),
    [
        ("j1", 1),
        ("j2", 2),
        (CLIP.upload_id, 2),
        (f"{CLIP.upload_id}-1", 1),
        ("line-3/belt.mp4", 2),
        ("s3://uploads/line-3/belt.mp4", 2),
    ],
)
def test_a_job_is_found_by_each_of_its_names(jobs: LedgerView, ledger: Ledger, job: str, attempt: int) -> None:
    ledger.record(CLIP, 1, status="failed", job_id="j1")
    ledger.record(CLIP, 2, status="running", job_id="j2")
    ledger.record(replace(CLIP, key="belt.mp4"), 1, status="done", job_id="j3")

    found, attempts = jobs.find_job(job)

    assert (found["key"], found["attempt"]) == ("line-3/belt.mp4", attempt)
    assert [item["job_id"] for item in attempts] == ["j1", "j2"]


def test_a_key_means_its_latest_version(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(replace(CLIP, version_id="version-2"), 1, status="done")
    ledger.record(CLIP, 1, status="running")

    assert jobs.find_job("line-3/belt.mp4")[0]["version_id"] == "version-1"


def test_a_key_means_its_latest_version_also_if_an_older_one_was_retried_since(
    jobs: LedgerView, ledger: Ledger
) -> None:
    ledger.record(CLIP, 1, status="failed")
    ledger.record(replace(CLIP, version_id="version-2"), 1, status="done")
    ledger.record(CLIP, 2, status="failed")

    assert jobs.find_job("line-3/belt.mp4")[0]["version_id"] == "version-2"


@pytest.mark.parametrize("job", ["j9", "", "s3://", "s3://elsewhere/line-3/belt.mp4", "-"])
def test_a_job_that_is_not_in_the_ledger_is_an_error(jobs: LedgerView, ledger: Ledger, job: str) -> None:
    ledger.record(CLIP, 1, status="done", job_id="j1")

    with pytest.raises(CommandError, match="The ledger has no job "):
        jobs.find_job(job)


def test_a_job_is_found_by_the_beginning_of_its_id(jobs: LedgerView, ledger: Ledger) -> None:
    other = replace(CLIP, key="other.mp4")
    ledger.record(CLIP, 1, status="done", job_id="0a1b2c3d-first")
    ledger.record(CLIP, 2, status="done", job_id="0a1b9999-second")
    ledger.record(other, 1, status="waiting")

    assert jobs.find_job("0a1b2")[0]["job_id"] == "0a1b2c3d-first"
    assert jobs.find_job("0a1b9")[0]["job_id"] == "0a1b9999-second"
    for item in jobs.list_jobs("all"):
        assert jobs.find_job(shorten_name(item))[0] == item
    for too_short in ("0a1", "", "-"):
        with pytest.raises(JobMissing):
            jobs.find_job(too_short)


def test_a_beginning_that_several_jobs_have_is_refused(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="done", job_id="0a1b2c3d")
    ledger.record(replace(CLIP, key="other.mp4"), 1, status="done", job_id="0a1b9999")

    with pytest.raises(CommandError, match="Several jobs begin with 0a1b"):
        jobs.find_job("0a1b")


def test_an_attempt_that_is_not_there_is_not_another_one(jobs: LedgerView, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="failed")

    with pytest.raises(JobMissing, match="has no attempt 2"):
        jobs.find_job(f"{CLIP.upload_id}-2")
