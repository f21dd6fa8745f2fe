"""Child processes that end with this one: each leads its own process group, which is killed as a whole."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from videoinfer.errors import CommandError
from videoinfer.exit_codes import ExitCode

LOOPBACK = "127.0.0.1"
"""The address on which servers listen, so that only this machine reaches them."""

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_START_TIMEOUT_SECONDS = 30.0
_LOOK_INTERVAL_SECONDS = 0.05

_GUARD = 'read -r _ || { kill -s KILL -- "-$1"; rm -rf -- "$2"; }'


def start_group(
    command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Starts `command` in `folder` as the leader of a new process group. Its output goes to `log`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until_ready(name: str, is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once a process that was just started is ready.

    Raises:
        CommandError: It ended, or was not ready in time; the message has the end of its log.
    """
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not is_ready():
        if process.poll() is not None:
            raise CommandError(f"{name} ended as it started:\n{log_tail(log, lines=20)}")
        if time.monotonic() > deadline:
            seconds = f"{_START_TIMEOUT_SECONDS:g} s"
            raise CommandError(f"{name} gave no answer in {seconds}:\n{log_tail(log, lines=20)}")
        time.sleep(_LOOK_INTERVAL_SECONDS)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and all that it started. Use it for processes that have nothing to save."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start_guard(process: subprocess.Popen[bytes], folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts a guard: if this process is killed, it kills the group of `process`, and removes `folder` if there is one.

    The guard waits for a line from this process. If it is killed, the pipe ends without one.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "sh", str(process.pid), str(folder or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss_guard(guard: subprocess.Popen[bytes]) -> None:
    """Ends a guard, which then does nothing."""
    guard.communicate(b"\n")


def log_tail(log: Path, *, lines: int) -> str:
    """The last lines of a log, for an error message."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


@contextmanager
def exiting_on_interrupts() -> Iterator[None]:
    """Lets the block clean up: Ctrl-C raises `KeyboardInterrupt` in it, SIGTERM and SIGHUP raise `SystemExit`."""

    def exit_with_status(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(ExitCode(128 + number))

    handlers = dict.fromkeys(_INTERRUPTS, exit_with_status) | {signal.SIGINT: signal.default_int_handler}
    # `nohup` and `&` make a program ignore some of them.
    with _handling({number: it for number, it in handlers.items() if signal.getsignal(number) is not signal.SIG_IGN}):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignores Ctrl-C, SIGTERM and SIGHUP during cleanup, so that a second one can't interrupt it."""
    with _handling(dict.fromkeys(_INTERRUPTS, signal.SIG_IGN)):
        yield


@contextmanager
def _handling(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
