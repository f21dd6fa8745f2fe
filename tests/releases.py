"""The release before this one, from the repository's history: tests update its stack, and read what it wrote."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.templates import ROOT

BEFORE = "b35e0e046f8c5dad7dc370e13b00ff8707b11bed"
"""The last release: its tag, as soon as there is one. Until then, the commit before the first work on updates."""


def read_before(path: str) -> bytes:
    """Reads a file of the last release."""
    return _run_git("show", f"{BEFORE}:{path}")


def extract_before(folder: Path, *paths: str) -> None:
    """Writes the last release's files into a folder: all, or those at some paths."""
    with tarfile.open(fileobj=io.BytesIO(_run_git("archive", BEFORE, *paths))) as archive:
        archive.extractall(folder, filter="data")


def _run_git(*arguments: str) -> bytes:
    """Without the history, as in a shallow clone, tests are skipped; on GitHub they fail, because ci.yml fetches it."""
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True)  # noqa: S607
    if done.returncode:
        message = f"The last release is not in the history here: run `git fetch --unshallow --tags`. {done.stderr!r}"
        pytest.fail(message) if os.environ.get("GITHUB_ACTIONS") else pytest.skip(message)
    return done.stdout
