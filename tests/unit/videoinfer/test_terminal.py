"""On a terminal, a command ends within seconds whatever ends it, and leaves the terminal and the disk as they were."""

import ast
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from inspect import getsource
from pathlib import Path

import pytest

from tests.templates import ROOT
from videoinfer import display
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO

CTRL_C = b"\x03"
SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"
"""What a terminal is told about its cursor."""

BEGINS_SECONDS, ENDS_SECONDS = 60.0, 15.0


@dataclass(frozen=True)
class Ended:
    """How a command ended on a terminal."""

    status: int
    text: str
    is_terminal_as_before: bool


def run_on_terminal(
    *arguments: str | Path, folder: Path, until: str = "", end: bytes | signal.Signals = b"", file_max_bytes: int = -1
) -> Ended:
    """Runs the command line on a terminal of its own.

    Args:
        until: What it shows before it gets `end`: keys, or a signal. It may then take `ENDS_SECONDS`.
        file_max_bytes: Larger files can't be written, as on a disk that is full.
    """

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is started in the background may find it ignored
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_max_bytes, file_max_bytes))

    terminal, its_end = pty.openpty()
    before = termios.tcgetattr(its_end)
    process = subprocess.Popen(
        [sys.executable, "-m", "videoinfer", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": str(ROOT)},
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
    """What is shown until then, or until the process ends."""
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


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results that take long to read, of the clip that is shipped."""
    box = {"x": 100.0, "y": 100.0, "width": 50.0, "height": 50.0, "confidence": 0.9, "class": "Rock", "class_id": 0}
    count = 100_000
    path = tmp_path_factory.mktemp("results") / "results.json"
    offsets = [300 * number // count for number in range(count)]
    elements = json.dumps([{"predictions": [box]}] * count)
    times = json.dumps([offset / 30 for offset in offsets])
    path.write_text(f'{{"frame_offset": {json.dumps(offsets)}, "time_offset": {times}, "parts": {elements}}}')
    return path


def compose(command: str, results: Path) -> list[str | Path]:
    commands: dict[str, list[str | Path]] = {
        "infer": ["infer", SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--infer-fps", "30", "--output", "out/results.json"],
        "report": ["report", results, SAMPLE_VIDEO, "--output", "out/report.html"],
        "annotate": ["annotate", results, SAMPLE_VIDEO, "--output", "out/annotated.mp4"],
    }
    return commands[command]


BARS = {"infer": "Inferring", "report": "Reading results", "annotate": "Drawing"}


def check(ended: Ended, status: int, folder: Path) -> None:
    assert ended.status == status, ended.text
    assert "Traceback" not in ended.text
    assert ended.is_terminal_as_before
    assert ended.text.rfind(SHOWN) > ended.text.rfind(HIDDEN), repr(ended.text)
    assert list(folder.rglob("*")) == [folder / "out"]


@pytest.mark.parametrize(
    ("command", "end", "status"),
    [("infer", CTRL_C, 130), ("annotate", CTRL_C, 130), ("report", signal.SIGTERM, 143)],
)
def test_a_command_that_is_ended_at_work_leaves_nothing(
    tmp_path: Path, results: Path, command: str, end: bytes | signal.Signals, status: int
) -> None:
    ended = run_on_terminal(*compose(command, results), folder=tmp_path, until=BARS[command], end=end)

    check(ended, status, tmp_path)


FULL_FOR_TEMPORARY_FILES = f"Error: File too large. Temporary files are in {tempfile.gettempdir()}: make room there"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("infer", FULL_FOR_TEMPORARY_FILES),
        ("report", FULL_FOR_TEMPORARY_FILES),
        ("annotate", "Error: out/annotated.mp4: The annotated video can't be written: File too large."),
    ],
)
def test_a_full_disk_ends_a_command_and_is_not_blamed_on_the_video(
    tmp_path: Path, results: Path, command: str, words: str
) -> None:
    ended = run_on_terminal(*compose(command, results), folder=tmp_path, file_max_bytes=4096)

    check(ended, 1, tmp_path)
    assert words in re.sub(r"\x1b\[[0-9;]*m", "", ended.text)


def test_whatever_shows_something_that_moves_is_bound_to_a_block() -> None:
    """A generator with a thread of its own would keep it where nobody closes it."""
    functions = [node for node in ast.walk(ast.parse(getsource(display))) if isinstance(node, ast.FunctionDef)]
    generators = [it for it in functions if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(it))]
    assert generators
    assert [it.name for it in generators if "contextmanager" not in map(ast.unparse, it.decorator_list)] == []
