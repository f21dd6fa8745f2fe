"""Many lives of the engine, side by side on all processors, and what struck in them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.engine.life import Life, live
from tests.simulation.engine.machine import EXPRESS_FAULTS
from tests.simulation.engine.server import SERVER_FAULTS
from tests.simulation.engine.stack import READ_FAULTS, RECORD_FAULTS, STEPS
from tests.simulation.faults import AWS_FAULTS, INVOCATION_FAULTS

TOGETHER = 5
"""How many lives a process runs at a time."""


def run_lives(seeds: Iterable[int]) -> Iterator[Life]:
    """Runs the lives of some seeds, and yields each."""
    workers = os.process_cpu_count() or 1
    # Processes that are spawned share nothing with this one, such as open sockets or patches of tests.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(live, seeds, chunksize=TOGETHER)


def describe_coverage(struck: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yields a table: how often each fault struck each call of each function or state."""
    yield "| function | call | made | " + " | ".join(_KINDS) + " |"
    yield "|---|---|---|" + "---|" * len(_KINDS)
    for function, call in sorted({(function, call) for _, function, call in struck}):
        possible = list_faults(function, call)
        cells = [str(struck[kind, function, call]) if kind in possible else "" for kind in _KINDS]
        yield f"| {function} | {call} | {struck['', function, call]} | {' | '.join(cells)} |"


def count_missed(struck: Counter[tuple[str, str, str]]) -> int:
    """Counts the faults that never struck a call that was made."""
    calls = {(function, call) for _, function, call in struck}
    return sum(not struck[kind, *place] for place in calls for kind in list_faults(*place))


def list_faults(function: str, call: str) -> tuple[str, ...]:
    """Returns the faults that may strike a call."""
    if call == "server:GET":
        return SERVER_FAULTS
    if call == "server:DNS":
        return ("no answer",)
    if call == "invoke":
        return INVOCATION_FAULTS
    if call == "express child":
        return EXPRESS_FAULTS
    if function not in (*STEPS, "serve_api"):
        return RECORD_FAULTS
    return READ_FAULTS if call.startswith("s3:GetObject") else AWS_FAULTS


_KINDS = tuple(dict.fromkeys((*READ_FAULTS, *SERVER_FAULTS, *INVOCATION_FAULTS, *EXPRESS_FAULTS, "no answer")))
