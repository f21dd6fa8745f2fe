"""What happens in a simulated life, and many lives side by side."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

TOGETHER = 5
"""How many lives a process runs at a time."""


@dataclass
class Life:
    """What happened in a life.

    Attributes:
        breaches: The invariants that it broke.
        struck: How often each fault struck each call of each function.
        ends: How many attempts or jobs ended in each status.
        acts: What people did how often.
    """

    seed: int
    breaches: list[str]
    story: list[str]
    struck: Counter[tuple[str, str, str]]
    ends: Counter[str]
    acts: Counter[str]
    steps: int
    invocations: int


type Live = Callable[..., Life]
"""Runs the life of a seed; with a number as its second argument, only so many faults strike, the first ones."""


def run_lives(live: Live, seeds: Iterable[int]) -> Iterator[Life]:
    """Runs the lives of some seeds on all processors, and yields each."""
    workers = os.process_cpu_count() or 1
    # Processes that are spawned share nothing with this one, such as open sockets or patches of tests.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(live, seeds, chunksize=TOGETHER)


def shrink(live: Live, life: Life) -> Life:
    """Returns the life of the same seed with the fewest faults that still breaks an invariant."""
    for faults_max in range(sum(number for (kind, _, _), number in life.struck.items() if kind)):
        smaller = live(life.seed, faults_max)
        if smaller.breaches:
            return smaller
    return life
