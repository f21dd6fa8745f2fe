"""Errors that the command line reports without a traceback."""

import errno
import tempfile

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The error numbers of writing to a full disk."""


class CommandError(Exception):
    """An expected failure. The message is for the person at the command line and names the remedy."""


class JobMissing(CommandError):
    """The ledger has no such job, or not yet."""


def describe_output_failure(error: OSError) -> str:
    """The sentence for an error of writing to the terminal, or to the file or program that stands in for it."""
    return f"The output can't be written: {error.strerror}."


def describe_os_error(error: OSError) -> str:
    """The sentence for an operating system error that no command has translated itself."""
    if error.errno in NO_ROOM:
        return (
            f"{error.strerror}. Temporary files are in {tempfile.gettempdir()}: "
            "free space there, or set the environment variable TMPDIR to another folder."
        )
    return f"{error.filename}: {error.strerror}." if error.filename and error.strerror else str(error)
