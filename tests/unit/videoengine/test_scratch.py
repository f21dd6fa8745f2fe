"""The temporary folder of a warm function: the next invocation removes what a killed one left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates import ROOT
from videoengine.scratch import scratch_folder


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with 1 MB in a scratch folder."""
    program = """
import sys, time
from pathlib import Path
from videoengine.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "video").write_bytes(bytes(10**6))
    print(folder, flush=True)
    time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine/layers/videoengine")}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        process.kill()


def test_a_folder_is_removed_after_success_and_failure(tmp_path: Path) -> None:
    for error in (None, ValueError):
        try:
            with scratch_folder(tmp_path) as folder:
                (folder / "video").write_bytes(b"video")
                assert list(tmp_path.iterdir()) == [folder]
                if error:
                    raise error
        except ValueError:
            pass
        assert list(tmp_path.iterdir()) == []


def test_only_folders_of_dead_processes_are_removed(tmp_path: Path, sleeper: subprocess.Popen[str]) -> None:
    assert sleeper.stdout
    theirs = Path(sleeper.stdout.readline().strip())
    with scratch_folder(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {theirs, folder}
        assert (theirs / "video").stat().st_size == 10**6
    sleeper.send_signal(signal.SIGKILL)
    sleeper.wait()
    assert list(tmp_path.iterdir()) == [theirs]
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
