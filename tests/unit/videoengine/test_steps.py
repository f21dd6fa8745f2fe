"""A step's answer to the state machine: a failed job is data; any other error is raised and retried."""

from typing import Any

import pytest

from videoengine.errors import JobFailed
from videoengine.steps import MAX_REASON_LENGTH, Outcome, run_step


@pytest.mark.parametrize("told", [None, {}, {"segments": [1, 0], "note": ""}])
def test_a_step_s_result_is_passed_on_as_done(told: Any) -> None:
    assert run_step("a-job", lambda: told) == {"outcome": "done", **(told or {})}


@pytest.mark.parametrize("reason", ["The video is an empty file", "x" * 10 * MAX_REASON_LENGTH])
def test_a_failed_job_is_an_answer_that_fits_into_a_state(reason: str) -> None:
    def fail() -> Outcome:
        raise JobFailed(reason)

    assert run_step("a-job", fail) == {"outcome": "failed", "reason": reason[:MAX_REASON_LENGTH]}


def test_any_other_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_step("a-job", lambda: 1 // 0)  # type: ignore[arg-type,return-value]
