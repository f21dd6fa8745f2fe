"""A full disk, a small folder for temporary files and a read-only disk are named as such, by every local command.

The disks are real: file systems in memory, mounted in a namespace of the command's own.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.terminals import PATH
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO


def unshare(script: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a shell script with mounts of its own, as root of a user namespace."""
    return run(f"unshare --user --map-root-user --mount sh -c {shlex.quote(script)}", folder, **environment)


def run(script: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": PATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with results that don't fit into memory buffers, and the mount point `disk`."""
    if unshare("mount -t tmpfs tmpfs .", tmp_path).returncode:
        pytest.skip("this machine allows no mounts in a user namespace")
    box = {"x": 100, "y": 100, "width": 50, "height": 50, "confidence": 0.9, "class": "Rock", "class_id": 0}
    count = 10_000
    offsets = [300 * number // count for number in range(count)]
    times = [offset / 30 for offset in offsets]
    results = {"frame_offset": offsets, "time_offset": times, "parts": [{"predictions": [box]}] * count}
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "disk").mkdir()
    return tmp_path


COMMANDS: Mapping[str, tuple[str, list[str | Path]]] = {
    "infer": ("disk/r.json", [SAMPLE_VIDEO, "--model", SAMPLE_MODEL]),
    "report": ("disk/r.html", ["results.json", SAMPLE_VIDEO]),
    "annotate": ("disk/a.mp4", ["results.json", SAMPLE_VIDEO]),
    "export": ("disk/d", ["results.json", SAMPLE_VIDEO]),
    "regions": ("disk/r.png", [SAMPLE_VIDEO]),
}
"""The output of each command, and its arguments."""


def compose(command: str, output: str) -> str:
    return shlex.join([sys.executable, "-m", "videoinfer", command, *map(str, COMMANDS[command][1]), "-o", output])


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        ("mount -t tmpfs -o size=4k tmpfs disk", "the disk is full. Free space there, or give another --output."),
        ("mount -t tmpfs -o ro tmpfs disk", "its disk is read-only. Give another --output."),
    ],
    ids=["full", "read-only"],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_disk_of_the_output_is_named(folder: Path, command: str, mount: str, words: str) -> None:
    output, _ = COMMANDS[command]

    ended = unshare(f"{mount}; {compose(command, output)}; echo $?; ls -A disk", folder)

    assert ended.stdout == "1\n"  # nothing is left on the disk
    assert ended.stderr == f"Error: {output} can't be written: {words}\n"


@pytest.mark.parametrize("command", ["infer", "export"])
def test_a_small_folder_for_temporary_files_is_named(folder: Path, command: str) -> None:
    script = f"mount -t tmpfs -o size=8k tmpfs disk; {compose(command, 'output')}; echo $?; ls -A disk"

    ended = unshare(script, folder, TMPDIR=str(folder / "disk"))

    assert ended.stdout == "1\n"
    assert ended.stderr == (
        f"Error: Temporary files can't be written: the disk is full. They are in {folder}/disk: "
        "free space there, or set the environment variable TMPDIR to another folder.\n"
    )
    assert not (folder / "output").exists()


def test_a_folder_without_permission_is_named(folder: Path) -> None:
    output, _ = COMMANDS["regions"]
    (folder / "disk").chmod(0o500)
    # Root's capabilities are what allows it to write anywhere.
    drop = "setpriv --bounding-set=-all --inh-caps=-all " if os.geteuid() == 0 else ""

    ended = run(f"{drop}{compose('regions', output)}", folder)

    assert ended.returncode == 1
    assert ended.stderr == f"Error: {output} can't be written: you have no permission. Give another --output.\n"
