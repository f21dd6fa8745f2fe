"""The operating system's errors in words."""

import errno
import os
from pathlib import Path

import pytest

from videoinfer.errors import describe_os_error, describe_unwritten_output


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space"), "Temporary files can't be written: the disk is full. They are in "),
        (OSError(errno.EDQUOT, "Quota"), "your disk quota is used up. They are in "),
        (OSError(errno.ENOSPC, "No space", "/data/a"), "/data/a can't be used: the disk is full."),
        (OSError(errno.EROFS, "Read-only", "/data/a"), "/data/a can't be used: its disk is read-only."),
        (PermissionError(errno.EACCES, "Denied", "/data/a"), "/data/a can't be used: you have no permission."),
        (OSError(errno.EIO, os.strerror(errno.EIO), "/data/a"), "/data/a can't be used: Input/output error."),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "found in ['/tmp']: free"),
        (OSError("Something else"), "Something else."),
    ],
    ids=str,
)
def test_an_error_is_named_with_what_to_do(error: OSError, words: str) -> None:
    assert words in describe_os_error(error)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "a.mp4 can't be written: the disk is full. Free space there, or give another --output."),
        (errno.EROFS, "a.mp4 can't be written: its disk is read-only. Give another --output."),
        (errno.EPERM, "a.mp4 can't be written: you have no permission. Give another --output."),
    ],
)
def test_an_output_that_cannot_be_written_has_a_remedy(number: int, words: str) -> None:
    assert describe_unwritten_output(Path("a.mp4"), OSError(number, "")) == words
