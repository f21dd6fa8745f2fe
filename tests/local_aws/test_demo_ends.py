"""A demo that is ended while it works leaves no process and no file."""

import signal
from pathlib import Path

import pytest

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


def list_processes(folder: Path) -> list[str]:
    """The commands of the processes whose environment mentions a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if bytes(folder) in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found
