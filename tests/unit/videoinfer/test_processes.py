import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.templates import ROOT
from tests.waiting import wait_until
from videoinfer.processes import exiting_on_interrupts, kill_group, log_tail, start_group, uninterrupted

# Prints its child's id, and waits for the child.
PARENT = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_ending_a_group_ends_its_child_processes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start_group([sys.executable, "-c", PARENT], environment=os.environ, folder=tmp_path, log=log)
    while not (child_id := log.read_text().strip()):
        assert process.poll() is None

    kill_group(process)

    assert process.returncode == -signal.SIGKILL
    # Nobody waits for the child: the kernel ends it in its own time.
    wait_until(lambda: not is_running(int(child_id)))


GUARDED = """
import os, sys
from pathlib import Path
from videoinfer.processes import dismiss_guard, start_group, start_guard
folder = Path(sys.argv[1])
process = start_group(["sleep", "60"], environment=os.environ, folder=folder, log=folder / "log")
guard = start_guard(process, folder)
if sys.argv[2] == "dismissed":
    dismiss_guard(guard)
print(process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("end", ["guarded", "dismissed"])
def test_a_guard_ends_a_group_and_removes_its_folder_if_this_process_is_killed(tmp_path: Path, end: str) -> None:
    folder = tmp_path / "its folder"
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", GUARDED, folder, end],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=False,
    )
    group = int(ended.stdout)

    if end == "guarded":
        wait_until(lambda: not is_running(group) and not folder.exists())
    else:
        time.sleep(0.2)
        assert is_running(group)
        assert folder.exists()
        os.killpg(group, signal.SIGKILL)


def test_killing_a_group_that_has_ended_is_no_error(tmp_path: Path) -> None:
    process = start_group(["true"], environment=os.environ, folder=tmp_path, log=tmp_path / "log")
    process.wait()

    kill_group(process)

    assert process.returncode == 0


def test_a_log_s_tail_is_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\nthr\xffee\n")

    assert log_tail(tmp_path / "log", lines=2) == "two\nthr\ufffdee"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_signal_exits_with_its_status(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with pytest.raises(SystemExit) as exit_info, exiting_on_interrupts():
        signal.raise_signal(number)

    assert exit_info.value.code == 128 + number
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_the_parent_ignored_stays_ignored(number: signal.Signals) -> None:
    previous = signal.signal(number, signal.SIG_IGN)
    try:
        with exiting_on_interrupts():
            signal.raise_signal(number)
    finally:
        signal.signal(number, previous)


@pytest.fixture
def _interrupts_raise() -> Iterator[None]:
    """As in a terminal: a process started in the background may inherit an ignored SIGINT."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_interrupts_raise")
def test_cleaning_up_is_not_interrupted() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
