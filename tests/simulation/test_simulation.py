"""The lives of some seeds. `make soak SEEDS=10000` runs more, and `python -m tests.simulation SEED` replays one."""

import gc
import random
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.invariants import _check_events
from tests.simulation.life import live
from tests.simulation.lives import run_lives, shrink
from tests.simulation.mutants import MUTANTS
from tests.simulation.stack import Published, open_stack

SEEDS = 300


@pytest.fixture(autouse=True)
def _files_of_killed_functions() -> Iterator[None]:
    """Lets files of killed functions be closed without a warning: elsewhere, their process ends with them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_everything_holds_in_every_life() -> None:
    broken = {life.seed: life.breaches for life in run_lives(live, range(SEEDS)) if life.breaches}
    assert broken == {}


def test_a_seed_replays() -> None:
    first, again = live(7), live(7)
    assert first.story == again.story
    assert len(first.story) > 10


def test_a_bug_that_is_put_back_is_found() -> None:
    with MUTANTS["the API's key is in an error"]():
        found = next(life for life in map(live, range(40)) if life.breaches)
        assert any(it.startswith("an API key is in") for it in found.breaches)
        smaller = shrink(live, found)
    assert smaller.breaches
    assert sum(smaller.struck.values()) <= sum(found.struck.values())


@pytest.mark.parametrize(
    ("interrupted", "recorded", "is_breach"),
    [
        ({}, {(1, "event"): 1.0}, True),
        ({}, {}, True),
        ({(1, "notice"): 5.0}, {}, True),
        ({(1, "event"): 5.0}, {}, False),
        ({}, {(1, "event"): 9.5}, False),
    ],
    ids=["recorded", "no fault", "other fault", "fault", "side by side"],
)
def test_a_second_event_is_found_unless_something_came_between_the_first_and_its_record(
    interrupted: Any, recorded: Any, is_breach: bool
) -> None:
    with open_stack(random.Random(0), knows_keys=True, is_versioned=True) as stack:  # noqa: S311
        stack.interrupted, stack.recorded = interrupted, recorded
        for at, invocation in ((0.0, 1), (9.0, 2)):
            stack.events.append(Published(at, at, {"execution": "a-1", "status": "done"}, invocation))
        item = {"upload_id": "a", "attempt": 1, "status": "done", "event_id": "e"}
        assert any("has two events" in it for it in _check_events(stack, [item])) == is_breach
