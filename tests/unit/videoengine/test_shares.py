"""Shares of a job's work: together they are the work, and no worker waits long for another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.shares import (
    MAX_SEGMENTS,
    MAX_SHARE_SECONDS,
    MIN_LAST_SEGMENT_SECONDS,
    Effort,
    count_workers,
    share_out,
)


@given(seconds=st.floats(0.01, 10_000_000), workers=st.integers(1, 1000))
def test_the_shares_are_the_work_and_each_round_s_are_equal_and_no_longer_than_the_last(
    seconds: float, workers: int
) -> None:
    shares = share_out(seconds, workers)
    # What is left for less than half a share is added to the last one.
    assert math.fsum(shares) == pytest.approx(seconds, abs=workers * max(MIN_LAST_SEGMENT_SECONDS, shares[-1]))
    assert len(shares) <= MAX_SEGMENTS + workers
    assert shares == sorted(shares, reverse=True)
    assert max(shares) <= max(MAX_SHARE_SECONDS, shares[-1], 4.0)
    assert count_workers(seconds, workers) == min(len(shares), workers)


@pytest.mark.parametrize(
    ("seconds", "max_concurrency", "count"), [(0.1, 50, 1), (3.9, 50, 1), (4.0, 50, 2), (720.0, 50, 50), (8.0, 1, 1)]
)
def test_a_worker_gets_at_least_two_seconds_of_work(seconds: float, max_concurrency: int, count: int) -> None:
    assert count_workers(seconds, max_concurrency) == count


def test_models_of_unknown_size_count_like_yolo11n() -> None:
    assert Effort.estimate(1920 * 1080, models=2).infer == pytest.approx(0.08)
