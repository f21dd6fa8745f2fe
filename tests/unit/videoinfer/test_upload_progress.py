import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from videoinfer.upload_progress import Step, list_steps

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def enter(name: str) -> dict[str, Any]:
    return {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}


def leave(name: str, state: dict[str, Any]) -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(state)}
    return {"type": "TaskStateExited", "stateExitedEventDetails": details}


def list_all(*events: dict[str, Any]) -> list[tuple[str, str | None, int | None]]:
    timed = [{**event, "timestamp": START + timedelta(seconds=index)} for index, event in enumerate(events)]
    steps = list_steps(cast("list[HistoryEventTypeDef]", timed))
    return [(step.state, step.outcome, step.polls) for step in steps]


def test_steps_are_states_and_what_came_out_of_them() -> None:
    running = {"check": {"status": "running", "polls": 1}}
    done = {"check": {"status": "done", "polls": 2}}

    assert list_all(
        {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}},
        enter("Wait Before Checking"),
        leave("Wait Before Checking", {"check": {"status": "running", "polls": 0}}),
        enter("Check Job"),
        {"type": "TaskScheduled", "taskScheduledEventDetails": {}},
        leave("Check Job", running),
        enter("Is The Job Done?"),
        leave("Is The Job Done?", running),
        enter("Check Job"),
        leave("Check Job", done),
        enter("Deliver Results"),
        leave("Deliver Results", {**done, "delivery": {"status": "delivered"}}),
        enter("Results Delivered"),
    ) == [
        ("Wait Before Checking", None, None),
        ("Check Job", None, None),
        ("Check Job", "running", 1),
        ("Is The Job Done?", None, None),
        ("Check Job", None, None),
        ("Check Job", "done", 2),
        ("Deliver Results", None, None),
        ("Deliver Results", "delivered", None),
        ("Results Delivered", None, None),
    ]


def test_a_task_that_was_left_by_its_catch_has_no_outcome() -> None:
    assert list_all(leave("Deliver Results", {"delivery_error": {"Error": "States.Timeout"}})) == []


def test_an_attempt_that_failed_is_a_step_of_its_state() -> None:
    failed = {"type": "TaskFailed", "taskFailedEventDetails": {"error": "ApiUnavailable"}}

    assert list_all(enter("Check Job"), failed, leave("Check Job", {"check": {"status": "done", "polls": 1}})) == [
        ("Check Job", None, None),
        ("Check Job", "attempt failed", None),
        ("Check Job", "done", 1),
    ]


def test_a_step_has_the_time_of_its_event() -> None:
    event = cast("HistoryEventTypeDef", {**enter("Check Job"), "timestamp": START})

    assert list(list_steps([event])) == [Step(START, "Check Job")]
