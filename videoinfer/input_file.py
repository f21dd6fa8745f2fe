"""Checks the files that a command reads."""

import os
import stat
from pathlib import Path

from videoinfer.errors import CommandError, describe_cause


def check_file(path: Path) -> None:
    """Raises `CommandError` unless `path` is a readable file with content; the message says what is wrong."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(f"The file {path} does not exist.") from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {describe_cause(error)}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise CommandError(f"{path} is a folder: give a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise CommandError(f"{path} is not a file.")
    if not os.access(path, os.R_OK):
        raise CommandError(f"{path} can't be read: you have no permission.")
    if not status.st_size:
        raise CommandError(f"{path} is empty (0 bytes).")
