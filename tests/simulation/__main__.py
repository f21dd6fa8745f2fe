"""Tells the life of a seed, or runs many.

python -m tests.simulation SEED
python -m tests.simulation soak SEEDS [FIRST_SEED]
python -m tests.simulation mutants SEEDS
"""

import sys
import time
from collections import Counter
from contextlib import suppress

from tests.simulation.life import live, shrink
from tests.simulation.mutants import hunt_all
from tests.simulation.soak import describe_coverage, list_missed, run_lives


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def replay(seed: int) -> bool:
    """Tells a life, or if it breaks, the one with the fewest faults that does. Returns whether everything held."""
    life = live(seed)
    if life.breaches:
        life = shrink(life)
    for line in (*life.story, *(f"BROKEN: {it}" for it in life.breaches)):
        tell(line)
    ends = ", ".join(f"{count} {status}" for status, count in sorted(life.ends.items()))
    tell(f"{life.uploads} uploads: {ends}; {life.invocations} invocations, {life.steps} steps")
    return not life.breaches


def soak(first: int, count: int) -> bool:
    """Runs lives, and tells what struck and which failed. Returns whether everything held."""
    begun = time.monotonic()
    struck, ends, failed = Counter[tuple[str, str, str]](), Counter[str](), 0
    acts, invocations, steps = Counter[str](), 0, 0
    for number, life in enumerate(run_lives(range(first, first + count)), 1):
        struck += life.struck
        ends += life.ends
        acts += life.acts
        invocations += life.invocations
        steps += life.steps
        if number % 1000 == 0:
            tell(f"{number:,} lives")
        if life.breaches:
            failed += 1
            tell(f"seed {life.seed}: {'; '.join(life.breaches[:3])}")
    for line in describe_coverage(struck):
        tell(line)
    faults = sum(number for (kind, _, _), number in struck.items() if kind)
    tell(f"{count:,} lives in {time.monotonic() - begun:.0f} s: {invocations:,} invocations, {steps:,} steps")
    missed = list(list_missed(struck))
    tell(f"{faults:,} faults struck; cells of the table that were never reached: {len(missed)}")
    for cell in missed:
        tell(f"never: {cell}")
    tell("jobs: " + ", ".join(f"{number:,} {status}" for status, number in ends.most_common()))
    tell("owners: " + ", ".join(f"{number:,} {name}" for name, number in acts.most_common()))
    tell(f"{failed} lives failed; to replay one: python -m tests.simulation SEED")
    return not failed


def find_mutants(seeds: int) -> bool:
    """Puts bugs back, and tells within how many lives each was found. Returns whether all were."""
    hunts = list(hunt_all(seeds))
    for it in hunts:
        tell(f"{it.story}: {f'found in life {it.lives}: {it.breach}' if it.lives else 'NOT FOUND'}")
    return all(it.lives for it in hunts)


def main() -> int:
    match sys.argv[1:]:
        case ["soak", count, *first]:
            is_fine = soak(int(first[0]) if first else 0, int(count))
        case ["mutants", count]:
            is_fine = find_mutants(int(count))
        case [seed]:
            is_fine = replay(int(seed))
        case _:
            tell(str(__doc__))
            return 2
    return 0 if is_fine else 1


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main())
