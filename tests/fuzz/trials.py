"""Runs each damaged file in a process of its own, with limits on time and memory, so that all harm is detected."""

import logging
import multiprocessing
import os
import random
import resource
import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import av

from tests.fuzz.job import run_job
from tests.fuzz.mutations import make_originals, mutate
from videoengine.logs import logger

CPU_SECONDS = 20
"""For a file of two seconds, on a busy machine."""

WALL_SECONDS = 120.0
"""Detects a process that waits without working."""

MEMORY_BYTES = 1024 * 2**20
"""The memory of `plan_job`; `infer_segment` has three times as much."""

_ADDRESS_SPACE_BYTES = 4 * 2**30
"""A last limit: a decoder reserves more than it uses, and its real use is measured."""

_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Trial:
    """The outcome of one damaged file.

    Attributes:
        number: The file's number, which decides its damage.
        original: The undamaged file's name.
        outcome: `done`, `refused`, `raised`, `crashed`, `hung` or `too large`; the last four are bugs.
        detail: The job's reason, the error, or the signal.
        memory_bytes: The most memory that the process used.
    """

    number: int
    original: str
    outcome: str
    detail: str
    memory_bytes: int


def make_files() -> dict[str, bytes]:
    """Makes the undamaged files in another process: encoders leave threads, and a process with threads
    can't be forked.
    """
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=lambda: sender.send(make_originals()))
    process.start()
    files: dict[str, bytes] = receiver.recv()
    process.join()
    return files


def damage(files: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Makes the damaged file of a number; returns its original's name and its content."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311  must be reproducible
    name = list(files)[number % len(files)]
    return name, mutate(files[name], files[dice.choice(list(files))], dice)


def run_trials(files: Mapping[str, bytes], seed: int, numbers: range) -> Iterator[Trial]:
    """Runs the trials one after the other."""
    for number in numbers:
        name, content = damage(files, seed, number)
        yield Trial(number, name, *try_file(content))


def try_file(content: bytes) -> tuple[str, str, int]:
    """Runs a job for the file; returns outcome, detail and memory in bytes."""
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_report, args=(content, sender))
    process.start()
    sender.close()
    answer = None
    if receiver.poll(WALL_SECONDS):
        with suppress(EOFError):
            answer = receiver.recv()
    else:
        process.kill()
    process.join()
    if answer and process.exitcode == 0:
        outcome, detail, memory_bytes = answer
        return ("too large" if memory_bytes > MEMORY_BYTES else outcome), detail, memory_bytes
    name = signal.Signals(-(process.exitcode or 0)).name if (process.exitcode or 0) < 0 else str(process.exitcode)
    return ("hung" if name in ("SIGXCPU", "SIGKILL") else "crashed"), name, 0


def _report(content: bytes, sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(None)
    logger.setLevel(logging.CRITICAL)
    try:
        reason = run_job(content)
        outcome, detail = ("done", "") if reason == "done" else ("refused", reason)
    except BaseException:
        outcome, detail = "raised", traceback.format_exc()
    memory_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sender.send((outcome, detail, memory_bytes))
    sender.close()
    os._exit(0)  # skips the parent's cleanup
