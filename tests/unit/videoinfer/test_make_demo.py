"""`make demo` passes names to the command unchanged."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.templates import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The Makefile, with finished environments and a Python that prints the command that it gets."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in (".venv", ".venv-aws", ".venv-lambda", ".venv-sam"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ready").touch()
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    program.chmod(0o755)
    return tmp_path


def find_make() -> str:
    path = shutil.which("make")
    assert path
    return path


def make_demo(folder: Path, *variables: str, **environment: str) -> list[str]:
    """The arguments of the demo's command."""
    done = subprocess.run(
        [find_make(), "--no-print-directory", f"PYTHON={sys.executable}", "demo", *variables],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == ["-m", "videoinfer", "demo"]
    return done.stdout.splitlines()[3:]


def test_options_that_are_not_given_are_not_passed(folder: Path) -> None:
    assert make_demo(folder) == []


NAMES = ["line 3's clip.mp4", 'a$b $(shell touch made) `touch made` "c".mp4', "--help.mp4", "x; touch made", "ü #1.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_passed_unchanged(folder: Path, name: str) -> None:
    for given in ({"VIDEO": name, "MODEL": name, "OUTPUT": name}, {"VIDEO": name}):
        expected = [f"--{option.lower()}={name}" for option in given]
        assert make_demo(folder, *(f"{option}={value}" for option, value in given.items())) == expected
        assert make_demo(folder, **given) == expected
    assert not (folder / "made").exists()


def test_all_options_are_passed(folder: Path) -> None:
    arguments = make_demo(folder, "VIDEO=belt.mp4", "MODEL=models/bottles/3", "FPS=2", "OUTPUT=out")
    assert arguments == ["--video=belt.mp4", "--model=models/bottles/3", "--infer-fps=2", "--output=out"]
