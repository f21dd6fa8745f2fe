"""One poll: outcomes are data, and an exception means that the status is not known."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.stand_ins.turns import ScriptedTurns
from tests.stand_ins.wire import Wire
from videoinfer.repository import ROOT
from videojobs.api.client import VideoInferenceApi
from videojobs.check_job import Check, check_job, record_check
from videojobs.errors import ApiRefused, ApiUnavailable, TurnLater
from videojobs.jobs.ledger import Job

EVENTS = ROOT / "events" / "check_job"
NOW = datetime(2026, 11, 4, tzinfo=UTC)
LEFT = (datetime(2099, 11, 3, 8, 15, 33, tzinfo=UTC) - NOW).total_seconds()


def check(
    event: str, *answers: Any, turns: ScriptedTurns | None = None, turn_at: float | None = None, refusals: int = 0
) -> Check:
    job = Job.from_input(json.loads((EVENTS / event).read_text()))
    api = VideoInferenceApi("https://api.example.com", "key", Wire(*answers).session, turns)
    return check_job(api, job, NOW, 60, turn_at=turn_at, refusals=refusals)


@pytest.mark.parametrize(
    ("event", "answer", "status"),
    [
        ("first.json", (200, {"status": 1}), "running"),
        ("first.json", (200, {"status": 0, "output_signed_url": "https://x"}), "done"),
        ("first.json", (200, {"status": 2}), "failed"),
        ("first.json", (200, {"status": "what"}), "unknown"),
        ("past-deadline.json", (200, {"status": 1}), "overdue"),
        ("past-deadline.json", (503, {}), "overdue"),
        ("past-deadline.json", (401, {}), "overdue"),
        ("past-deadline.json", (404, {}), "overdue"),
        ("past-deadline.json", (200, {"status": 0, "output_signed_url": "https://x"}), "done"),
    ],
)
def test_each_status_of_the_api_has_an_outcome(event: str, answer: Any, status: str) -> None:
    outcome = check(event, answer)
    assert outcome.status == status
    assert bool(outcome.reason) == (status in ("failed", "unknown", "overdue"))


@pytest.mark.parametrize("status_code", [400, 404, 410, 422])
@pytest.mark.parametrize("event", ["first.json", "past-deadline.json"])
def test_a_job_that_the_api_does_not_know_fails_at_the_third_poll(event: str, status_code: int) -> None:
    answer = (status_code, {"error": "Job not found"})
    if event == "first.json":
        first = check(event, answer)
        second = check(event, answer, refusals=first.refusals)
        for outcome in (first, second):
            assert (outcome.status, outcome.wait_seconds, outcome.asked) == ("running", 60, True)
        assert (first.refusals, second.refusals) == (1, 2)
    third = check(event, answer, refusals=2)
    assert (third.status, third.reason) == ("unknown", "The API no longer knows the job: Job not found")


def test_an_answer_about_the_job_resets_the_count() -> None:
    assert check("first.json", (200, {"status": 1}), refusals=2).refusals == 0


def test_a_poll_without_an_answer_keeps_the_count() -> None:
    for turn_at in (None, 1_800_000_000.0):
        for seconds in (7.5, 100.5):
            turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, seconds)])
            assert check("first.json", turns=turns, turn_at=turn_at, refusals=2).refusals == 2
    assert check("first.json", (429, {}, {"Retry-After": "600"}), turns=ScriptedTurns(), refusals=2).refusals == 2


@pytest.mark.parametrize(("status_code", "error"), [(503, ApiUnavailable), (429, ApiUnavailable), (401, ApiRefused)])
def test_a_poll_without_a_usable_answer_raises(status_code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        check("first.json", (status_code, {}))


def test_an_overdue_job_has_its_age_and_last_status_as_the_reason() -> None:
    outcome = check("past-deadline.json", (503, {}))
    assert outcome.reason == "Not done after 39 h 44 min. The Video Inference API answered 503."
    outcome = check("past-deadline.json", (401, {"error": "Not for you"}))
    assert outcome.reason == "Not done after 39 h 44 min. The Video Inference API answered 401: Not for you"


@pytest.mark.parametrize(
    ("status_code", "value", "seconds"),
    [
        (429, "600", 600),
        (503, "5", 60),  # no sooner than any other poll
        (429, "a date", 600),
        (429, str(10**10), LEFT),  # the job is polled once more at its deadline
    ],
)
def test_the_next_poll_is_when_the_api_asks(status_code: int, value: str, seconds: float) -> None:
    turns = ScriptedTurns()
    if value == "a date":
        value = format_datetime(datetime.now(UTC) + timedelta(seconds=601), usegmt=True)
    outcome = check("first.json", (status_code, {}, {"Retry-After": value}), turns=turns)
    assert (outcome.status, outcome.turn_at, outcome.asked) == ("running", None, True)
    assert outcome.wait_seconds == pytest.approx(seconds, abs=2)
    assert len(turns.paused) == 1


def test_without_a_turn_the_api_is_not_called_and_the_booking_is_kept() -> None:
    turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5), None])
    outcome = check("first.json", turns=turns)
    assert (outcome.status, outcome.wait_seconds, outcome.asked) == ("running", 100, False)
    outcome = check("first.json", (200, {"status": 1}), turns=turns, turn_at=outcome.turn_at)
    assert (outcome.status, outcome.wait_seconds, outcome.turn_at, outcome.asked) == ("running", 60, None, True)
    assert turns.taken == [("polls", None), ("polls", 1_800_000_100.5)]
    assert turns.used == 1


@pytest.mark.parametrize(
    ("event", "seconds", "outcome"),
    [
        (
            "first.json",
            100.5,
            Check(status="running", reason="…", wait_seconds=100, turn_at=1_800_000_100.5, asked=False),
        ),
        ("first.json", 7.5, Check(status="running", reason="…", wait_seconds=60, asked=False)),
        ("past-deadline.json", 7.5, Check(status="overdue", reason="…")),
    ],
)
def test_a_missed_turn_is_no_failure(event: str, seconds: float, outcome: Check) -> None:
    turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, seconds)])
    assert replace(check(event, turns=turns, turn_at=1_800_000_000.0), reason="…") == outcome


def test_an_overdue_job_is_polled_once_more_at_its_turn() -> None:
    turns = ScriptedTurns([TurnLater(60, 1_800_000_100.5, 100.5)])
    assert check("past-deadline.json", turns=turns).status == "running"


def test_a_poll_records_the_job_that_create_job_could_not(aws: Any, job: Job) -> None:
    aws.ledger.record(job.upload, job.attempt, status="creating")
    assert record_check(aws.ledger, job, Check(status="running", wait_seconds=60), polls=3) == Check(
        status="running", wait_seconds=60
    )
    item = aws.ledger.read(job.upload, job.attempt)
    assert (item["status"], item["job_id"], item["polls"]) == ("running", job.job_id, 3)
    assert (item["created_at"], item["deadline_at"]) == (job.created_at, job.deadline_at)


@pytest.mark.parametrize("status", ["running", "done"])
def test_a_poll_does_not_continue_a_cancelled_job(aws: Any, job: Job, status: Any) -> None:
    aws.ledger.record(job.upload, job.attempt, status="cancelled", error="A person cancelled it.")
    check = record_check(aws.ledger, job, Check(status=status), polls=3)
    assert (check.status, check.reason) == ("ended", "The job had already ended.")
    assert aws.ledger.read(job.upload, job.attempt)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("event", "answer", "progress"),
    [
        ("first.json", (200, {"status": 1, "progress": 42}), 42),
        ("first.json", (200, {"status": 1, "progress": "soon"}), None),
        ("first.json", (429, {}, {"Retry-After": "600"}), None),
        ("first.json", (200, {"status": 2, "progress": 42}), None),
        ("past-deadline.json", (200, {"status": 1, "progress": 42}), None),
    ],
)
def test_the_progress_of_a_running_job_is_part_of_the_check(event: str, answer: Any, progress: int | None) -> None:
    assert check(event, answer, turns=ScriptedTurns()).progress == progress


def test_progress_is_recorded_with_the_poll_and_removed_when_the_api_has_ended(
    aws: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    record = aws.ledger.record

    def record_and_count(*values: Any, **named: Any) -> None:
        writes.append(named)
        record(*values, **named)

    monkeypatch.setattr(aws.ledger, "record", record_and_count)
    running = Check(status="running")
    seen = []
    # A poll that could not find out the progress leaves the last one.
    for poll, progress in enumerate((None, 0, 42, None, 60), 1):
        record_check(aws.ledger, job, replace(running, progress=progress), poll)
        seen.append(aws.ledger.read(job.upload, job.attempt).get("progress"))
    record_check(aws.ledger, job, Check(status="done"), 6)
    assert seen == [None, 0, 42, 42, 60]
    assert "progress" not in aws.ledger.read(job.upload, job.attempt)
    assert len(writes) == 6
