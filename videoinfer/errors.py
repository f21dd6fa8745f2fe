"""What the command line says when it cannot go on."""

import errno
import tempfile

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What writing to a full disk fails with."""


class CommandError(Exception):
    """An expected failure: the message is for the person at the command line and names the remedy."""


def describe_os_error(error: OSError) -> str:
    """An error of the operating system that no command has put into words of its own."""
    if error.errno in NO_ROOM:
        return (
            f"{error.strerror}. Temporary files are in {tempfile.gettempdir()}: "
            "make room there, or name another folder with the environment variable TMPDIR."
        )
    return f"{error.filename}: {error.strerror}." if error.filename and error.strerror else str(error)
