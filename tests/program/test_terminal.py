"""On a terminal, a command ends within seconds whatever interrupts it, and leaves terminal and disk as they were."""

import ast
import json
import re
import signal
import tempfile
from inspect import getsource
from pathlib import Path

import pytest

from tests.terminals import CTRL_C, Ended, check_end, run_on_terminal
from videoinfer import display
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the shipped clip that take long to read."""
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
        "export": ["export", results, SAMPLE_VIDEO, "--output", "out/dataset"],
    }
    return commands[command]


BARS = {"infer": "Inferring", "report": "Reading results", "annotate": "Drawing", "export": "Exporting"}


def check(ended: Ended, status: int, folder: Path) -> None:
    check_end(ended, status)
    assert list(folder.rglob("*")) == [folder / "out"]


@pytest.mark.parametrize(
    ("command", "end", "status"),
    [("infer", CTRL_C, 130), ("annotate", CTRL_C, 130), ("export", CTRL_C, 130), ("report", signal.SIGTERM, 143)],
)
def test_a_command_that_is_interrupted_leaves_nothing_behind(
    tmp_path: Path, results: Path, command: str, end: bytes | signal.Signals, status: int
) -> None:
    ended = run_on_terminal(*compose(command, results), folder=tmp_path, until=BARS[command], end=end)

    check(ended, status, tmp_path)


FULL_FOR_TEMPORARY_FILES = (
    "Error: Temporary files can't be written: the file would be larger than is allowed here. "
    f"They are in {tempfile.gettempdir()}: free space there"
)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("infer", FULL_FOR_TEMPORARY_FILES),
        ("report", FULL_FOR_TEMPORARY_FILES),
        ("annotate", "Error: out/annotated.mp4 can't be written: the file would be larger than is allowed here."),
        ("export", "Error: out/dataset can't be written: the file would be larger than is allowed here."),
    ],
)
def test_a_full_disk_ends_a_command_with_an_error_about_the_disk(
    tmp_path: Path, results: Path, command: str, words: str
) -> None:
    ended = run_on_terminal(*compose(command, results), folder=tmp_path, file_max_bytes=4096)

    check(ended, 1, tmp_path)
    assert words in re.sub(r"\x1b\[[0-9;]*m", "", ended.text)


def test_every_generator_of_the_display_is_a_context_manager() -> None:
    """A generator without a context manager would keep its thread running when nobody closes it."""
    functions = [node for node in ast.walk(ast.parse(getsource(display))) if isinstance(node, ast.FunctionDef)]
    generators = [it for it in functions if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(it))]
    assert generators
    assert [it.name for it in generators if "contextmanager" not in map(ast.unparse, it.decorator_list)] == []
