"""A demo that is ended while it works leaves no process and no file."""

import signal
from pathlib import Path

import pytest

from tests.program.interruptions import list_processes
from tests.terminals import CTRL_C, check_end, run_on_terminal
from videoinfer.local.embedded_aws import EmbeddedAws


@pytest.mark.parametrize(("end", "status"), [(CTRL_C, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_ended_demo_leaves_no_process_and_no_file(
    aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes | signal.Signals, status: int
) -> None:
    temporary, output = tmp_path / "temporary", tmp_path / "out"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    ended = run_on_terminal("demo", "--output", output, folder=tmp_path, until="Job ", end=end)

    check_end(ended, status)
    assert [*temporary.iterdir()] == []
    assert [*output.iterdir()] == []
    assert list_processes(temporary) == []
