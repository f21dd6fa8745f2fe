"""How commands end."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands. docs/operations.md explains them.

    Those above 128 are 128 and the number of the signal that ended the command.
    """

    OK = 0
    ERROR = 1
    USAGE = 2  # Typer's own
    PROBLEMS = 3
    FAILED = 4  # the end of the job that `wait` waited for, as are the next three
    OVERDUE = 5
    REJECTED = 6
    CANCELLED = 7
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143
