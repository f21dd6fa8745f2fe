"""Output files of the command line. They never replace an input, and appear only when complete."""

import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO

from videoinfer.errors import CommandError, describe_unwritten_output
from videojobs.video_formats import MIME_TYPES

_ABANDONED_SECONDS = 60


@dataclass(frozen=True)
class OutputFile:
    """A file that is being written.

    Attributes:
        path: The path of the finished file.
        unfinished: The file to write to: an existing, empty file in the same folder.
    """

    path: Path
    unfinished: Path

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Translates an `OSError` of the block, which writes the file, into a `CommandError` that names the file."""
        with translating_errors(self.path):
            yield

    def finish(self) -> None:
        """Moves the file to its place. Raises `CommandError`."""
        with self.writing():
            place = self.path.resolve()
            with suppress(FileNotFoundError):
                shutil.copymode(place, self.unfinished)
            self.unfinished.replace(place)


@contextmanager
def open_output(path: Path, inputs: Iterable[Path], suffix: str) -> Iterator[OutputFile]:
    """Checks a destination before the work begins, and removes an unfinished file however the block ends.

    A process that is killed can't remove it, so a later one in the same folder does.
    An existing file stays until `OutputFile.finish`. A symbolic link stays a link, and its target is replaced.

    Args:
        path: The output. Its folder is created if needed.
        inputs: The files that the command reads. A folder stands for the files in it.
        suffix: The suffix of what is written: `.json`, `.html`, `.mp4`, …

    Raises:
        CommandError: The output is an input, perhaps by another name, or named like a file of another kind, or can't be
            written; the message says what to do.
    """
    _refuse_inputs(path, inputs)
    with translating_errors(path):
        place = path.resolve()
        _check_place(path, place)
        if path.suffix.lower() in {*MIME_TYPES, ".json", ".html"} - {suffix}:
            raise CommandError(f"{path} can't be the output, which is a {suffix} file: give another --output.")
        place.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(place.parent)
    unfinished = place.with_name(f".videoinfer-{secrets.token_hex(8)}.part")
    try:
        with translating_errors(path):
            file = unfinished.open("xb")
        with file:
            _lock(file)
            yield OutputFile(path, unfinished)
    finally:
        with suppress(OSError):  # it is not there, or could not be made
            unfinished.unlink()


def _remove_abandoned(folder: Path) -> None:
    """Removes files that killed processes have left unfinished. Those of running ones are locked."""
    for path in folder.glob(".videoinfer-*.part"):
        with suppress(OSError):
            # A process locks its file just after it has created it.
            if path.is_file() and path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                with path.open("rb") as file:
                    if _lock(file):
                        path.unlink()


def _lock(file: IO[bytes]) -> bool:
    """Locks an unfinished file until it is closed, or returns False if it is locked or can't be."""
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except OSError:
        return False
    return True


def _refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    for one in inputs:
        for file in one.iterdir() if one.is_dir() else [one]:
            # Compare the files, not their paths: links and names in other case may mean the same file.
            with suppress(OSError):
                if path.samefile(file):
                    raise CommandError(
                        f"{path} can't be the output, because {file} is an input: give another --output."
                    )


def _check_place(path: Path, place: Path) -> None:
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise CommandError(f"{path} is a folder: give --output the name of a file in it.")
    if not stat.S_ISREG(mode):
        raise CommandError(f"{path} is not a file: give another --output.")
    if not os.access(place, os.W_OK):
        raise CommandError(f"{path} is write-protected: give another --output.")


@contextmanager
def translating_errors(path: Path) -> Iterator[None]:
    """Translates an `OSError` of the block into a `CommandError` that names the output `path`."""
    try:
        yield
    except OSError as error:
        raise CommandError(describe_unwritten_output(path, error)) from error
