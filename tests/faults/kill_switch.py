"""Kills each function between any two of its calls, as a power failure would, and then calls it again."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from tests.faults.bench import Bench, Story
from tests.faults.function_host import WireFault
from tests.faults.table import Expected, Group
from tests.stand_ins.faulty_api import Fault, Script

ASKS, PUBLISHES = "api:POST videoinfer", "sns:Publish"


@dataclass(frozen=True)
class Switch:
    """A function, and the story in which it is killed at each of its calls.

    Attributes:
        script: The API's answers in this story.
        expected: How the story ends when nothing is killed.
    """

    function: str
    script: Script
    expected: Expected

    @property
    def name(self) -> str:
        return f"{self.function}-{'with' if self.script.knows_keys else 'without'}-keys"


SWITCHES = (
    Switch("create_job", Script(), Expected()),
    Switch("create_job", Script(knows_keys=True), Expected()),
    Switch("check_job", Script(), Expected()),
    Switch("deliver_results", Script(), Expected()),
    Switch(
        "report_failure",
        Script(statuses=[Fault(body={"status": 2, "error": "It failed."})]),
        Expected("failed", ("failed",)),
    ),
)


def run_switches(bench: Bench, pool: Executor) -> Iterator[Group]:
    """For each function, runs an uninterrupted story to learn its calls, then one story for each place
    where it dies.
    """
    wholes = pool.map(lambda it: bench.run(bench.upload(f"{it.name}-whole.mp4", it.script)), SWITCHES)
    for switch, whole in zip(SWITCHES, wholes, strict=True):
        keys = "; the API knows idempotency keys" if switch.script.knows_keys else ""
        calls = next(outcome.calls for name, outcome in whole.outcomes if name == switch.function)
        group = Group(f"{switch.function} dies", f"before each of its {len(calls)} calls, and after the last{keys}")
        numbers = range(len(calls) + 1)
        for number, story in zip(numbers, pool.map(partial(run_killed, bench, switch, calls), numbers), strict=True):
            group.add(story, find_expected(switch, calls, number))
        yield group


def run_killed(bench: Bench, switch: Switch, calls: list[str], number: int) -> Story:
    """Runs the story in which the function dies after its first `number` calls."""
    fault = WireFault("kill before", number) if number < len(calls) else WireFault("kill after", number - 1)
    return bench.run(bench.upload(f"{switch.name}-{number}.mp4", switch.script), {switch.function: [[fault]]})


def find_expected(switch: Switch, calls: list[str], number: int) -> Expected:
    """How a story ends in which the function dies after its first `number` calls."""
    expected = switch.expected
    if switch.script.knows_keys:
        return expected
    if ASKS in calls and number == calls.index(ASKS):
        return replace(expected, unanswered=1)  # the pipeline can't know that the API was not called
    if ASKS in calls and number == calls.index(ASKS) + 1:
        return replace(expected, jobs=2, unanswered=1)
    if PUBLISHES in calls and number == calls.index(PUBLISHES) + 1:
        return replace(expected, notices=expected.notices * 2)
    return expected
