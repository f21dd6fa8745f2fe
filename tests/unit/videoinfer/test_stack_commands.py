"""The commands that operate a stack, on moto's AWS."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tests.unit.videoinfer.test_ledger_view import CLIP
from videoinfer import stack_commands
from videoinfer.ledger_view import LedgerView
from videoinfer.main import app
from videojobs.jobs.ledger import Ledger


@pytest.mark.parametrize(("limit", "is_cut"), [(2, True), (3, False)])
def test_a_list_of_jobs_that_is_cut_says_so(
    jobs: LedgerView, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int, is_cut: bool
) -> None:
    for number in range(3):
        ledger.record(replace(CLIP, key=f"{number}.mp4"), 1, status="done")
    monkeypatch.setattr(stack_commands, "find_stack", lambda _: SimpleNamespace(ledger=jobs))

    result = CliRunner().invoke(app, ["jobs", "--limit", str(limit)])

    assert result.exit_code == 0, result.output
    assert ("--limit 20 lists up to 20" in result.output) == is_cut
