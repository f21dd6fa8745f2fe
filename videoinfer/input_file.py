"""Files that a command reads."""

import os
import stat
from pathlib import Path

from videoinfer.errors import CommandError


def check_file(path: Path) -> None:
    """Raises `CommandError` unless `path` is a file with content that this user may read; says what it is instead."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(f"There is no file {path}.") from None
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise CommandError(f"{path} is a folder: name a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise CommandError(f"{path} is not a file.")
    if not os.access(path, os.R_OK):
        raise CommandError(f"{path} can't be read: you have no permission.")
    if not status.st_size:
        raise CommandError(f"{path} is empty (0 bytes).")
