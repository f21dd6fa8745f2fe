"""Errors that the command line reports without a traceback."""

import errno
import tempfile
from pathlib import Path

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
}
_CAUSES = {
    **_FULL,
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "you have no permission",
    errno.EPERM: "you have no permission",
}
"""The operating system's errors that have a remedy, in words."""

_TMPDIR = "free space there, or set the environment variable TMPDIR to another folder"


class CommandError(Exception):
    """An expected failure. The message is for the person at the command line and names the remedy."""


class WrongUsage(CommandError):
    """Arguments or options that the command does not take together. Nothing was done."""


class JobMissing(CommandError):
    """The ledger has no such job, or not yet."""


def describe_cause(error: OSError) -> str:
    """Why a file can't be read or written, as the end of a sentence without its period."""
    return _CAUSES.get(error.errno or 0) or error.strerror or str(error)


def describe_unwritten_output(path: Path, error: OSError) -> str:
    """The sentences for an error of writing the output `path`."""
    remedy = "Free space there, or give another --output." if error.errno in _FULL else "Give another --output."
    return f"{path} can't be written: {describe_cause(error)}. {remedy}"


def describe_output_failure(error: OSError) -> str:
    """The sentence for an error of writing to the terminal, or to the file or program that stands in for it."""
    return f"The output can't be written: {describe_cause(error)}."


def describe_os_error(error: OSError) -> str:
    """The sentences for an operating system error that no command has translated itself."""
    if error.filename:
        return f"{error.filename} can't be used: {describe_cause(error)}."
    if error.errno in _FULL:
        folder = _find_temporary_folder()
        return f"Temporary files can't be written: {describe_cause(error)}. They are in {folder}: {_TMPDIR}."
    if error.errno == errno.ENOENT:  # from `tempfile`, which names the folders that it has tried
        return f"{error.strerror}: {_TMPDIR}."
    return f"{describe_cause(error)}."


def _find_temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return "no folder"
