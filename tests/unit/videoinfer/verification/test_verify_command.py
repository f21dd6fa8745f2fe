"""`videoinfer verify`: its exit status, and its cleanup, whatever ends it."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.pipeline_stacks import make_stack
from videoinfer import stack_commands
from videoinfer.main import app
from videoinfer.verification import run as verification
from videoinfer.verification.check_runs import Timeouts
from videoinfer.verification.verdicts import CheckOutcome

JOB = CheckOutcome(check="job", level="ok", what="done, 4 polls", seconds=61.2, cost_usd=0.0008)
METRICS = CheckOutcome(check="metrics", level="unseen", what="Not seen yet", seconds=300.0, cost_usd=None)
TABLES = CheckOutcome(check="tables", level="wrong", what="frames has {}", seconds=1.5, cost_usd=0.0001)
CLEANUP = CheckOutcome(check="cleanup", level="ok", what="removed 1 rules", seconds=0.5, cost_usd=None)


class Verification:
    """Yields `outcomes`, and then raises `error`."""

    outcomes: tuple[CheckOutcome, ...] = ()
    error: BaseException | None = None
    timeouts: Timeouts | None = None
    is_interrupted_by: Any = None

    def __init__(self, _stack: object, clip: bytes, timeouts: Timeouts) -> None:
        assert clip
        type(self).timeouts = timeouts

    def run(self) -> Iterator[CheckOutcome]:
        yield from self.outcomes
        if self.error:
            raise self.error

    def clean_up(self) -> CheckOutcome:
        type(self).is_interrupted_by = signal.getsignal(signal.SIGINT)
        return CLEANUP


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[Verification]:
    class Own(Verification):
        pass

    monkeypatch.setattr(verification, "Verification", Own)
    monkeypatch.setattr(stack_commands, "find_stack", lambda _name: make_stack(None))  # type: ignore[arg-type]
    return Own


def verify(*options: str) -> Result:
    return CliRunner().invoke(app, ["verify", *options])


@pytest.mark.parametrize(
    ("outcomes", "status"), [((JOB,), 0), ((JOB, METRICS), 0), ((JOB, TABLES), 3), ((METRICS, TABLES), 3)]
)
def test_only_wrong_outcomes_fail(
    stand_in: type[Verification], outcomes: tuple[CheckOutcome, ...], status: int
) -> None:
    stand_in.outcomes = outcomes
    result = verify()
    assert result.exit_code == status, result.output
    assert all(outcome.what in result.output for outcome in (*outcomes, CLEANUP))
    report = json.loads(verify("--json").output)
    assert report["passed"] == (status == 0)
    assert [entry["check"] for entry in report["checks"]] == [outcome.check for outcome in (*outcomes, CLEANUP)]


def test_a_stack_that_ignores_the_clip_is_told_before_anything_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack(None, upload_extensions="mkv")  # type: ignore[arg-type]  # a call of AWS would fail
    monkeypatch.setattr(stack_commands, "find_stack", lambda _name: stack)
    result = verify()
    assert result.exit_code == 1
    assert "UploadExtensions is mkv" in result.output


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143), (OSError("No."), 1)])
def test_the_cleanup_always_runs(stand_in: type[Verification], error: BaseException, status: int) -> None:
    stand_in.outcomes, stand_in.error = (JOB,), error
    result = verify()
    assert result.exit_code == status
    assert CLEANUP.what in result.output
    assert stand_in.is_interrupted_by == signal.SIG_IGN  # a second, impatient Ctrl-C does not end the cleanup


def test_an_incomplete_cleanup_fails(stand_in: type[Verification], monkeypatch: pytest.MonkeyPatch) -> None:
    left = CheckOutcome(check="cleanup", level="wrong", what="Not removed: rules.", seconds=0.5, cost_usd=None)
    monkeypatch.setattr(stand_in, "clean_up", lambda _self: left)
    assert verify().exit_code == 3


def test_the_timeout_limits_the_wait_for_the_job(stand_in: type[Verification]) -> None:
    verify("--timeout", "60")
    assert stand_in.timeouts
    assert stand_in.timeouts.job == 60
