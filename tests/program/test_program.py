"""The program as users start it: at any place and time, with any names, on any terminal."""

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.templates import ROOT
from videoinfer.main import app

RESULTS = {
    "frame_offset": [0],
    "time_offset": [0],
    "hands": [
        {"predictions": [{"x": 9, "y": 9, "width": 9, "height": 9, "confidence": 0.5, "class": "é", "class_id": 0}]}
    ],
}


def start(*arguments: str | Path, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "videoinfer", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(*arguments: str | Path, folder: Path, **environment: str) -> tuple[int, str, str]:
    with start(*arguments, folder=folder, **environment) as process:
        output, errors = process.communicate()
    return process.returncode, output, errors


LOADING = """
import os, signal, time
def find_spec(name, *_):
    if name.partition(".")[0] == {module!r}:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
import sys
sys.meta_path.insert(0, type("Interrupter", (), {{"find_spec": staticmethod(find_spec)}}))
"""
"""Presses Ctrl-C when a module is about to be loaded."""


@pytest.mark.parametrize("module", ["typer", "openvino"])
def test_ctrl_c_while_modules_are_loaded_prints_no_traceback(
    tmp_path: Path, video: Path, model_folder: Path, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOADING.format(module=module))
    path = f"{tmp_path}:{ROOT}"

    ended = run("infer", video, "--model", model_folder, folder=tmp_path, PYTHONPATH=path)

    assert ended == (130, "", "Interrupted.\n")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "utf-8"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_output_works_in_every_locale(tmp_path: Path, video: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))

    status, output, errors = run("report", "results.json", video, "-o", "Ĝis.html", folder=tmp_path, **environment)

    assert (status, errors) == (0, "")
    assert "1 frames in the report" in output
    assert "is.html" in output


def test_a_closed_output_pipe_is_no_error(tmp_path: Path, video: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    with start("report", "results.json", video, folder=tmp_path) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        errors = process.stderr.read()

    assert errors == ""
    assert (tmp_path / "report.html").stat().st_size > 0


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["report", "results.json", "video.mp4"]])
def test_output_to_a_full_disk_is_an_error_about_the_output(tmp_path: Path, video: Path, arguments: list[str]) -> None:
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    (tmp_path / "video.mp4").write_bytes(video.read_bytes())
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "videoinfer", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "Error: The output can't be written: the disk is full.\n")


NAMES = ["2024-01-01T12:30:05.mp4", "-y.mp4", "http:a.mp4", "100%d ?.mp4", "[red]'\".mp4", " .mp4 ", "a\n.mp4", "~"]


@pytest.mark.parametrize("name", NAMES)
def test_files_with_unusual_names_can_be_read_and_written(
    tmp_path: Path, video: Path, model_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(video.read_bytes())

    for arguments in compose_commands(name, model_folder):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output

    written = {path.name for path in tmp_path.iterdir()} - {"hands"}
    assert written == {name, f"{name}.json", f"{name}.html", f"{name}.drawn.mp4", f"{name}.dataset"}


def test_a_file_name_need_not_be_utf_8(tmp_path: Path, video: Path, model_folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    (tmp_path / name).write_bytes(video.read_bytes())

    for arguments in compose_commands(name, model_folder):
        status, output, errors = run(*arguments, folder=tmp_path)
        assert status == 0, output + errors

    assert "caf%E9.mp4" in read_index(tmp_path / f"{name}.html")["video"]


def compose_commands(clip: str, model: Path) -> list[list[str]]:
    return [
        ["infer", "--model", str(model), "--infer-fps", "1", "--output", f"{clip}.json", "--", clip],
        ["report", "--output", f"{clip}.html", "--", f"{clip}.json", clip],
        ["annotate", "--output", f"{clip}.drawn.mp4", "--", f"{clip}.json", clip],
        ["export", "--output", f"{clip}.dataset", "--", f"{clip}.json", clip],
    ]


def read_index(page: Path) -> Any:
    """The page's data about its results and its video."""
    match = re.search(rb'data-name="index"[^>]*>([^<]+)<', page.read_bytes())
    assert match
    return json.loads(gzip.decompress(base64.b64decode(match[1])))
