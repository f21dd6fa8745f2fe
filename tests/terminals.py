"""Runs the command line on a terminal of its own, as a user does."""

import fcntl
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.templates import ROOT

CTRL_C = b"\x03"
SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"
"""The control sequences that show and hide a terminal's cursor."""

PATH = os.pathsep.join(map(str, (ROOT, ROOT / "layers" / "videojobs", ROOT / "engine" / "layers" / "videoengine")))

BEGINS_SECONDS, ENDS_SECONDS = 120.0, 15.0


@dataclass(frozen=True)
class Ended:
    """How a command ended on a terminal.

    Attributes:
        status: The exit status.
        text: Its output.
        is_terminal_as_before: Whether the terminal's settings are as before.
    """

    status: int
    text: str
    is_terminal_as_before: bool


def run_on_terminal(
    *arguments: str | Path, folder: Path, until: str = "", end: bytes | signal.Signals = b"", file_max_bytes: int = -1
) -> Ended:
    """Runs the command line on a terminal of its own.

    Args:
        folder: The working directory.
        until: The output after which it gets `end`; it then has `ENDS_SECONDS` to end.
        end: Keys, or a signal.
        file_max_bytes: The largest file that it can write, as on a full disk; -1 for no limit.
    """

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background process may inherit an ignored SIGINT
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_max_bytes, file_max_bytes))

    terminal, its_end = pty.openpty()
    before = termios.tcgetattr(its_end)
    process = subprocess.Popen(
        [sys.executable, "-m", "videoinfer", *map(str, arguments)],
        cwd=folder,
        # A file that is cut off at the limit would be a module's broken bytecode, for all later processes.
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": PATH, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        start_new_session=True,
        preexec_fn=prepare,
    )
    try:
        output = read_terminal(terminal, until, BEGINS_SECONDS, process) if end else ""
        if isinstance(end, signal.Signals):
            process.send_signal(end)
        elif end:
            os.write(terminal, end)
        output += read_terminal(terminal, None, ENDS_SECONDS if end else BEGINS_SECONDS, process)
        return Ended(process.wait(1), output, termios.tcgetattr(its_end) == before)
    finally:
        process.kill()
        process.wait()
        os.close(its_end)
        os.close(terminal)


def read_terminal(terminal: int, until: str | None, seconds: float, process: "subprocess.Popen[bytes]") -> str:
    """Reads the output up to `until`, or until the process ends."""
    output, deadline = b"", time.monotonic() + seconds
    while until is None or until.encode() not in output:
        is_over = process.poll() is not None
        if select.select([terminal], [], [], 0.05)[0]:
            output += os.read(terminal, 1 << 16)
        elif is_over:
            break
        elif time.monotonic() > deadline:
            pytest.fail(f"It has not ended in {seconds:g} s:\n{output.decode()}")
    return output.decode()


def check_end(ended: Ended, status: int) -> None:
    """Checks that a command ended cleanly, and left the terminal as it was."""
    assert ended.status == status, ended.text
    assert "Traceback" not in ended.text
    assert ended.is_terminal_as_before
    assert ended.text.rfind(SHOWN) >= ended.text.rfind(HIDDEN), repr(ended.text)
