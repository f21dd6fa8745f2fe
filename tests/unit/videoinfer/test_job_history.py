from datetime import UTC, datetime, timedelta
from typing import Any

from videoinfer.job_history import compose_job_history
from videoinfer.upload_progress import Step

SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ITEM = {"status": "done", "recorded_at": SEEN.isoformat(), "created_at": SEEN.isoformat(), "job_id": "j1"}


def at(seconds: float) -> datetime:
    return SEEN + timedelta(seconds=seconds)


def tell(item: dict[str, Any], *steps: Step) -> list[tuple[float, str]]:
    return [((moment.at - SEEN).total_seconds(), moment.what) for moment in compose_job_history(item, steps)]


def test_polls_with_the_same_outcome_are_one_entry() -> None:
    item = {**ITEM, "finished_at": at(180).isoformat()}

    assert tell(
        item,
        Step(at(0.5), "Wait Before Checking"),
        Step(at(60), "Check Job", "running", 1),
        Step(at(120), "Check Job", "running", 2),
        Step(at(180.2), "Check Job", "done", 3),
        Step(at(180.7), "Deliver Results", "delivered"),
    ) == [
        (0, "Upload seen"),
        (0, "Job j1 created at the API"),
        (120, "Check Job: running (polls 1 to 2)"),
        (180.2, "Check Job: done (poll 3)"),
        (180.7, "Deliver Results: delivered"),
        (180, "Ended: done"),
    ]


def test_attempts_that_failed_are_counted() -> None:
    steps = [Step(at(second), "Check Job", "attempt failed") for second in (60, 90)]

    assert tell({**ITEM, "status": "running"}, *steps)[-1] == (90, "Check Job: attempt failed (2 times)")


def test_a_waiting_upload_says_what_it_waits_for() -> None:
    item = {"status": "waiting", "recorded_at": SEEN.isoformat(), "updated_at": at(5).isoformat(), "error": "503."}

    assert tell(item) == [(0, "Upload seen"), (5, "Not created yet: 503.")]


def test_the_end_of_a_cancelled_job_comes_after_its_polls() -> None:
    item = {**ITEM, "status": "cancelled", "finished_at": at(125).isoformat()}
    polls = [Step(at(60), "Check Job", "running", 1), Step(at(126.5), "Check Job", "running", 2)]

    assert tell(item, *polls)[-2:] == [(126.5, "Check Job: running (polls 1 to 2)"), (125, "Ended: cancelled")]


def test_events_after_the_end_stay_after_it() -> None:
    item = {**ITEM, "finished_at": at(180).isoformat()}
    steps = [Step(at(179.5), "Check Job", "done", 1), Step(at(240), "Annotate Video", "annotated")]

    assert [what for _, what in tell(item, *steps)[-2:]] == ["Ended: done", "Annotate Video: annotated"]
