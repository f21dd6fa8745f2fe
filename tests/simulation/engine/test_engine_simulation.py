"""The lives of some seeds. `python -m tests.simulation.engine soak SEEDS` runs more."""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.simulation.engine import stack
from tests.simulation.engine.life import live
from videoengine import api, warming
from videoengine.jobs import Job, JobsTable, JobStatus
from videoengine.parallel_fetch import ParallelFetch

SEEDS = 40
SEEDS_OF_A_BUG = 60
"""Within so many lives each bug is found."""


def test_everything_holds_in_every_life() -> None:
    assert {life.seed: life.breaches for life in map(live, range(SEEDS)) if life.breaches} == {}


def test_a_seed_replays() -> None:
    first, again = live(20), live(20)
    assert first.story == again.story
    assert len(first.story) > 10


def forget_remaining_segments(states: Any) -> None:
    states["Is A Segment Left?"]["Choices"][0]["Next"] = "Merge Results"


def count_segments_twice(states: Any) -> None:
    record = states["Infer Segments"]["ItemProcessor"]["States"]["Record Progress"]["Parameters"]
    record["ExpressionAttributeValues"][":number"] = {
        "NS.$": "States.Array(States.Format('{}', $.inference.answer.cost_usd))"
    }


def end_without_condition(states: Any) -> None:
    states["Record Success"]["Parameters"]["ConditionExpression"] = "attribute_exists(job_id)"


def count_fetching_twice(states: Any) -> None:
    states["Fetch Video"]["ResultSelector"] = {"answer.$": "$.Payload"}
    states["Record Success"]["Parameters"]["ExpressionAttributeValues"][":cost"] = {"N.$": "$.plan.answer.cost_usd"}


def fail_without_condition(states: Any) -> None:
    states["Record Failure"]["Parameters"]["ConditionExpression"] = "attribute_exists(job_id)"


def change_machine(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]) -> None:
    read = stack.read_machine

    def read_changed(*arguments: int) -> Any:
        definition = copy.deepcopy(read(*arguments))
        change(definition["States"])
        return definition

    monkeypatch.setattr(stack, "read_machine", read_changed)


def say_failed_without_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def say(self: JobsTable, job_id: str, error: str) -> Job | None:
        job = self.get(job_id)
        return replace(job, status=JobStatus.FAILED, error=error) if job else None

    monkeypatch.setattr(JobsTable, "fail", say)


def take_any_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "digest_request", lambda _: "same")


def take_any_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParallelFetch, "_check", lambda *_: None)


def fail_if_workers_are_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "Exception", NotImplementedError, raising=False)


BUGS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], int, str]] = {
    "merges before all segments are inferred": (
        partial(change_machine, change=forget_remaining_segments),
        17,
        "failed: The engine could not merge",
    ),
    "counts a segment that is inferred twice twice": (
        partial(change_machine, change=count_segments_twice),
        11,
        "segments, of which",
    ),
    "ends a failed job as done": (
        partial(change_machine, change=end_without_condition),
        21,
        "became 0 after 2",
    ),
    "ends a done job as failed": (
        partial(change_machine, change=fail_without_condition),
        148,
        "became 2 after 0",
    ),
    "counts what fetching cost twice": (partial(change_machine, change=count_fetching_twice), 3, r"cost \$"),
    "says that a job has failed and does not record it": (say_failed_without_recording, 21, "was shown as|is there"),
    "takes another body with the same key": (take_any_body, 15, "made 2 jobs"),
    "takes another range than it asked for": (take_any_range, 49, "other results"),
    "fails if its workers are not called": (fail_if_workers_are_not_called, 20, "failed because of its calls"),
}
"""Each bug with the first seed to try, which saves time, and what is found."""


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_that_is_put_back_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_back, first, expected = BUGS[name]
    put_back(monkeypatch)
    found = next(life for life in map(live, range(first, first + SEEDS_OF_A_BUG)) if life.breaches)
    assert any(re.search(expected, breach) for breach in found.breaches), found.breaches
