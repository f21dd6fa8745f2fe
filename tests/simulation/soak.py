"""Many lives, side by side on all processors, and what struck in them."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.faults import (
    API_FAULTS,
    AWS_FAULTS,
    DELIVERY_FAULTS,
    INVOCATION_FAULTS,
    PUBLISH_FAULTS,
    list_api_faults,
)
from tests.simulation.life import Life, live

TOGETHER = 5
"""How many lives a process runs at a time."""


def run_lives(seeds: Iterable[int]) -> Iterator[Life]:
    """Runs the lives of some seeds, and yields each."""
    workers = os.process_cpu_count() or 1
    # Processes that are spawned share nothing with this one, such as open sockets or patches of tests.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(live, seeds, chunksize=TOGETHER)


def describe_coverage(struck: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yields a table: how often each fault struck each call of each function."""
    yield "| function | call | made | " + " | ".join(_KINDS) + " |"
    yield "|---|---|---|" + "---|" * len(_KINDS)
    for function, call in sorted({(function, call) for _, function, call in struck}):
        possible = list_faults(function, call)
        cells = [str(struck[kind, function, call]) if kind in possible else "" for kind in _KINDS]
        yield f"| {function} | {call} | {struck['', function, call]} | {' | '.join(cells)} |"


def list_missed(struck: Counter[tuple[str, str, str]]) -> Iterator[str]:
    """Yields the names of the faults that never struck a call that was made."""
    for function, call in sorted({(function, call) for _, function, call in struck}):
        missed = [kind for kind in list_faults(function, call) if not struck[kind, function, call]]
        if missed:
            yield f"{function} {call}: {', '.join(missed)}".strip()


def list_faults(function: str, call: str) -> tuple[str, ...]:
    """Returns the faults that may strike a call."""
    if call == "invoke":
        # A queue calls these two; the others are called by an execution.
        return INVOCATION_FAULTS[:2] if function == "create_job" else INVOCATION_FAULTS
    if function == "Publish Digest":
        return PUBLISH_FAULTS
    if not function:
        return DELIVERY_FAULTS
    return list_api_faults(call.removeprefix("api:")) if call.startswith("api:") else AWS_FAULTS


_KINDS = tuple(dict.fromkeys((*AWS_FAULTS, *API_FAULTS, *INVOCATION_FAULTS, *DELIVERY_FAULTS)))
