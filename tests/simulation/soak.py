"""Tells one life, or many and what struck in them."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.simulation.lives import Live, run_lives, shrink


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


@dataclass(frozen=True)
class Soak:
    """The lives of a system.

    Attributes:
        command: Replays the life of a seed.
        list_faults: The faults that may strike a call of a function.
    """

    command: str
    live: Live
    list_faults: Callable[[str, str], tuple[str, ...]]

    def replay(self, seed: int) -> bool:
        """Tells a life, or if it breaks, the one with the fewest faults that does. Returns whether everything held."""
        life = self.live(seed)
        if life.breaches:
            life = shrink(self.live, life)
        for line in (*life.story, *(f"BROKEN: {it}" for it in life.breaches)):
            tell(line)
        ends = ", ".join(f"{count} {status}" for status, count in sorted(life.ends.items()))
        tell(f"jobs: {ends}; {life.invocations} invocations, {life.steps} steps")
        return not life.breaches

    def run(self, first: int, count: int) -> bool:
        """Runs lives, and tells what struck and which failed. Returns whether everything held."""
        begun = time.monotonic()
        struck, ends, failed = Counter[tuple[str, str, str]](), Counter[str](), 0
        acts, invocations, steps = Counter[str](), 0, 0
        for number, life in enumerate(run_lives(self.live, range(first, first + count)), 1):
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
        for line in self._describe_coverage(struck):
            tell(line)
        faults = sum(number for (kind, _, _), number in struck.items() if kind)
        tell(f"{count:,} lives in {time.monotonic() - begun:.0f} s: {invocations:,} invocations, {steps:,} steps")
        missed = list(self._list_missed(struck))
        tell(f"{faults:,} faults struck; cells of the table that were never reached: {len(missed)}")
        for cell in missed:
            tell(f"never: {cell}")
        tell("jobs: " + ", ".join(f"{number:,} {status}" for status, number in ends.most_common()))
        tell("people: " + ", ".join(f"{number:,} {name}" for name, number in acts.most_common()))
        tell(f"{failed} lives failed; to replay one: {self.command} SEED")
        return not failed

    def _describe_coverage(self, struck: Counter[tuple[str, str, str]]) -> Iterator[str]:
        """Yields a table: how often each fault struck each call of each function."""
        places = _list_places(struck)
        kinds = list(dict.fromkeys(kind for place in places for kind in self.list_faults(*place)))
        yield "| function | call | made | " + " | ".join(kinds) + " |"
        yield "|---|---|---|" + "---|" * len(kinds)
        for function, call in places:
            possible = self.list_faults(function, call)
            cells = [str(struck[kind, function, call]) if kind in possible else "" for kind in kinds]
            yield f"| {function} | {call} | {struck['', function, call]} | {' | '.join(cells)} |"

    def _list_missed(self, struck: Counter[tuple[str, str, str]]) -> Iterator[str]:
        """Yields the cells of faults that never struck a call that was made."""
        for function, call in _list_places(struck):
            for kind in self.list_faults(function, call):
                if not struck[kind, function, call]:
                    yield f"{function} {call} {kind}".strip()


def _list_places(struck: Counter[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return sorted({(function, call) for _, function, call in struck})
