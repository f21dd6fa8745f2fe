"""`videoinfer wait`: the end of a job decides the exit code."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline_stacks import make_stack
from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import job_waiting, stack_commands
from videoinfer.aws_clients import AwsClients
from videoinfer.exit_codes import ExitCode
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import ENDED_STATES

type Then = Callable[..., None]


@pytest.fixture
def then(jobs: LedgerView, clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> Then:
    """Sets what happens while the command sleeps: one callable each time. Without one, the test would hang."""
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: make_stack(clients))

    def set_turns(*turns: Callable[[], Any]) -> None:
        left = list(turns)
        monkeypatch.setattr(time, "sleep", lambda _: left.pop(0)())

    return set_turns


@pytest.mark.parametrize(("end", "code"), [("failed", 4), ("overdue", 5), ("rejected", 6), ("cancelled", 7)])
def test_the_exit_code_says_how_the_job_ended(then: Then, ledger: Ledger, end: Any, code: int) -> None:
    ledger.record(CLIP, 1, status=end, error="The GPU is on fire.")

    result = CliRunner().invoke(app, ["wait", CLIP.key])

    assert result.exit_code == code == ExitCode[end.upper()]
    assert f"{end}: The GPU is on fire." in result.output


def test_every_end_has_an_exit_code() -> None:
    assert {state.upper() for state in ENDED_STATES - {"done"}} <= {code.name for code in ExitCode}


def test_progress_is_shown_until_the_job_is_done(then: Then, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="creating")
    then(
        lambda: ledger.record(CLIP, 1, status="running", job_id="j1"),
        lambda: ledger.record(CLIP, 1, progress=42),
        lambda: ledger.record(CLIP, 1, status="done", answer="bottle: 3 at once", results_location="s3://r/x"),
    )

    result = CliRunner().invoke(app, ["wait", CLIP.upload_id])

    assert result.exit_code == 0, result.output
    steps = [line.split("  ")[-1] for line in result.output.splitlines()[:3]]
    assert steps == ["creating", "running", "done"]
    assert "line-3/belt.mp4: done. bottle: 3 at once" in result.output
    assert "open j1" in result.output


def test_a_new_upload_or_retry_is_waited_for(then: Then, ledger: Ledger) -> None:
    """`upload` and `retry` name jobs that the ledger does not have yet."""
    then(
        lambda: ledger.record(CLIP, 1, status="failed"),
        lambda: ledger.record(CLIP, 2, status="done"),
    )

    assert CliRunner().invoke(app, ["wait", f"{CLIP.upload_id}-2"]).exit_code == 0


def test_a_job_that_does_not_appear_is_an_error(then: Then, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_waiting, "APPEARANCE_SECONDS", -1)

    result = CliRunner().invoke(app, ["wait", "typo.mp4"])

    assert result.exit_code == ExitCode.ERROR
    assert "The ledger has no job typo.mp4" in result.output


def test_ctrl_c_leaves_the_job_alone(then: Then, ledger: Ledger) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    ledger.record(CLIP, 1, status="running")
    then(interrupt)

    result = CliRunner().invoke(app, ["wait", CLIP.key])

    assert result.exit_code == ExitCode.INTERRUPTED
    assert "Interrupted. The job goes on: `videoinfer wait`" in result.output
    assert ledger.read(CLIP, 1)["status"] == "running"  # type: ignore[index]


def test_json_is_only_the_job_at_its_end(then: Then, ledger: Ledger) -> None:
    ledger.record(CLIP, 1, status="done")

    result = CliRunner().invoke(app, ["wait", CLIP.key, "--json"])

    assert result.output.startswith("{")
    assert result.output.endswith("}\n")


def test_a_job_that_is_removed_meanwhile_is_an_error(then: Then, ledger: Ledger, jobs: LedgerView) -> None:
    ledger.record(CLIP, 1, status="running")
    then(lambda: jobs.table.delete_item(Key={"upload_id": CLIP.upload_id, "attempt": 1}))

    result = CliRunner().invoke(app, ["wait", CLIP.key])

    assert result.exit_code == ExitCode.ERROR
    assert "was removed from the ledger" in result.output
