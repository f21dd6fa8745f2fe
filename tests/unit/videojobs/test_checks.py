"""One poll: outcomes are data, and an exception means that it could not find out."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.wire import Wire
from videojobs.api import VideoInferenceApi
from videojobs.checks import Check, check_job
from videojobs.errors import ApiRefused, ApiUnavailable
from videojobs.jobs import Job

EVENTS = Path(__file__).parents[3] / "events" / "check_job"
NOW = datetime(2026, 11, 4, tzinfo=UTC)


def check(event: str, answer: Any) -> Check:
    job = Job.from_input(json.loads((EVENTS / event).read_text()))
    return check_job(VideoInferenceApi("https://api.example.com", "key", Wire(answer).session()), job, NOW, 60)


@pytest.mark.parametrize(
    ("event", "answer", "status"),
    [
        ("first.json", (200, {"status": 1}), "running"),
        ("first.json", (200, {"status": 0, "output_signed_url": "https://x"}), "done"),
        ("first.json", (200, {"status": 2}), "failed"),
        ("first.json", (200, {"status": "what"}), "failed"),
        ("first.json", (404, {"error": "Job not found"}), "failed"),
        ("past-deadline.json", (200, {"status": 1}), "overdue"),
        ("past-deadline.json", (503, {}), "overdue"),
        ("past-deadline.json", (401, {}), "overdue"),
        ("past-deadline.json", (200, {"status": 0, "output_signed_url": "https://x"}), "done"),
    ],
)
def test_outcomes(event: str, answer: Any, status: str) -> None:
    outcome = check(event, answer)
    assert outcome.status == status
    assert bool(outcome.reason) == (status in ("failed", "overdue"))


@pytest.mark.parametrize(("status_code", "error"), [(503, ApiUnavailable), (429, ApiUnavailable), (401, ApiRefused)])
def test_it_raises_when_it_could_not_find_out(status_code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        check("first.json", (status_code, {}))


def test_an_overdue_job_says_since_when_and_what_was_last_heard() -> None:
    outcome = check("past-deadline.json", (503, {}))
    assert outcome.reason == "Not done after 39 h 44 min. The Video Inference API answered 503."
