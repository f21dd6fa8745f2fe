"""The lives of some seeds. `make soak SEEDS=10000` runs more, and `python -m tests.simulation SEED` replays one."""

from tests.simulation.life import live
from tests.simulation.soak import run_lives

SEEDS = 200


def test_everything_holds_in_every_life() -> None:
    broken = {life.seed: life.breaches for life in run_lives(range(SEEDS)) if life.breaches}
    assert broken == {}


def test_a_seed_replays() -> None:
    first, again = live(7), live(7)
    assert first.story == again.story
    assert len(first.story) > 10
