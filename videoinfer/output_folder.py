"""Output folders of the command line. They never replace a file, and appear only when complete."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from videoinfer.errors import CommandError
from videoinfer.output_file import translating_errors


@dataclass(frozen=True)
class OutputFolder:
    """A folder that is being written.

    Attributes:
        path: The path of the finished folder.
        unfinished: The folder to write to, beside it.
    """

    path: Path
    unfinished: Path

    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        """Writes a file, and creates its folder if needed. Raises `CommandError`.

        Args:
            name: The file's path in the folder.
            data: The file's bytes, or an open file with them.
        """
        with translating_errors(self.path):
            file = self.unfinished / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as written:
                if isinstance(data, bytes):
                    written.write(data)
                else:
                    shutil.copyfileobj(data, written)

    def finish(self) -> None:
        """Moves the folder to its place. Raises `CommandError`."""
        with translating_errors(self.path):
            place = self.path.resolve()
            if place.exists():
                place.rmdir()  # fails unless it is empty
            self.unfinished.rename(place)


@contextmanager
def open_output_folder(path: Path) -> Iterator[OutputFolder]:
    """Checks a destination before the work begins, and removes an unfinished folder however the block ends.

    A process that is killed can't remove it: docs/operations.md says what to do with it.

    Args:
        path: The output, which is a new folder or an empty one. The folder that it is in is created if needed.

    Raises:
        CommandError: The destination is a file or a folder with files, or can't be written; says what to do.
    """
    with translating_errors(path):
        place = path.resolve()
        if place.exists() and not place.is_dir():
            raise CommandError(f"{path} is a file: give another --output.")
        if place.exists() and any(place.iterdir()):
            raise CommandError(f"{path} is not empty: give another --output.")
        place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".videoinfer-{secrets.token_hex(8)}.part")
    try:
        with translating_errors(path):
            unfinished.mkdir()
        yield OutputFolder(path, unfinished)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
