"""Input files: an unreadable file is named before the work begins."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from videoinfer.main import app

RESULTS = '{"frame_offset": [0], "time_offset": [0], "parts": [{"predictions": []}]}'


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "The file {path} does not exist."),
    "in no folder": (lambda _: None, "The file {path} does not exist."),
    "a folder": (Path.mkdir, "{path} is a folder: give a file in it."),
    "empty": (Path.touch, "{path} is empty (0 bytes)."),
    "a pipe": (os.mkfifo, "{path} is not a file."),
    "a device": (lambda path: path.symlink_to("/dev/null"), "{path} is not a file."),
    "a link to itself": (make_link_to_itself, "{path} can't be read: Too many levels of symbolic links."),
}


@pytest.fixture
def good(tmp_path: Path, video: Path, model_folder: Path) -> dict[str, Path]:
    (tmp_path / "results.json").write_text(RESULTS)
    return {"video": video, "results": tmp_path / "results.json", "model": model_folder}


def compose(command: str, files: dict[str, Path]) -> list[str]:
    video, results, model = (str(files[name]) for name in ("video", "results", "model"))
    return {
        "infer": ["infer", video, "--model", model],
        "report": ["report", results, video],
        "annotate": ["annotate", results, video],
        "export": ["export", results, video],
        "regions": ["regions", video],
        "demo": ["demo", "--video", video, "--model", model],
    }[command]


READS = {
    "infer": ["video"],
    "report": ["results", "video"],
    "annotate": ["results", "video"],
    "export": ["results", "video"],
    "regions": ["video"],
    "demo": ["video"],
}


def test_this_file_covers_every_command_with_an_input_file() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = {name for name, it in commands.items() if {"video", "results"} & {one.name for one in it.params}}
    assert named == READS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("command", "name"), [(command, name) for command in READS for name in READS[command]])
def test_an_unreadable_input_is_named(
    tmp_path: Path, good: dict[str, Path], monkeypatch: pytest.MonkeyPatch, command: str, name: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = KINDS[kind]
    path = Path("nowhere" if kind == "in no folder" else ".") / "clip.mp4"
    make(path)
    before = sorted(tmp_path.rglob("*"))

    result = CliRunner().invoke(app, compose(command, {**good, name: path}))

    assert result.exit_code == 1
    assert words.format(path=path) in " ".join(result.output.split())
    assert sorted(tmp_path.rglob("*")) == before
