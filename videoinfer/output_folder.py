"""Output folders of the command line. They never replace a file, and their files appear only when all are written."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        unfinished: The folder to write to: beside a new folder, or in one that exists.
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
        """Moves the files to their place. Raises `CommandError`."""
        with translating_errors(self.path):
            place = self.path.resolve()
            if self.unfinished.parent == place:
                self._move_files(place)
            else:
                self.unfinished.rename(place)  # fails if it is there now, unless it is empty

    def _move_files(self, place: Path) -> None:
        """Moves the files into the folder that they are for, which other programs may have open or mounted."""
        if any(path != self.unfinished for path in place.iterdir()):
            raise CommandError(f"{self.path} can't be written: it has got other files. Give another --output.")
        moved = []
        try:
            for path in list(self.unfinished.iterdir()):
                moved.append(path)
                path.rename(place / path.name)
        except BaseException:
            for path in moved:
                with suppress(FileNotFoundError):  # it was not moved
                    (place / path.name).rename(path)
            raise


@contextmanager
def open_output_folder(path: Path, *, resumed: str | None = None) -> Iterator[OutputFolder]:
    """Checks a destination before the work begins, and removes an unfinished folder however the block ends.

    An existing folder stays the same folder, with its owner and mode: it may be a mount point, or a shell's own folder.
    A process that is killed can't remove its unfinished folder: docs/operations.md says what to do with it.

    Args:
        path: The output, which is a new folder or an empty one. The folder that it is in is created if needed.
        resumed: The name of the work, if it continues in an unfinished folder that stays until the work is done.

    Raises:
        CommandError: The destination is a file or a folder with files, or can't be written; says what to do.
    """
    with translating_errors(path):
        place = path.resolve()
        if place.exists() and not place.is_dir():
            raise CommandError(f"{path} is a file: give another --output.")
        name = f".videoinfer-{resumed or secrets.token_hex(8)}.part"
        unfinished = (place if place.exists() else place.parent) / name
        if place.exists() and any(it != unfinished for it in place.iterdir()):
            raise CommandError(f"{path} is not empty: give another --output.")
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with translating_errors(path):
            unfinished.mkdir(exist_ok=bool(resumed))
        yield OutputFolder(path, unfinished)
    finally:
        if resumed:
            with suppress(OSError):
                unfinished.rmdir()  # if it is empty
        else:
            shutil.rmtree(unfinished, ignore_errors=True)
