"""Sampling: the design's examples, and a simple search as the reference."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.sampling import ROUNDING_SECONDS, sample_frames


def constant_rate(frames: int, rate: Fraction, time_base: Fraction, first: int = 0) -> list[int]:
    return [first + round(index / rate / time_base) for index in range(frames)]


@pytest.mark.parametrize(
    ("frames", "rate", "time_base", "infer_fps", "expected"),
    [
        pytest.param(25, Fraction(24), Fraction(1, 12288), 4, [0, 6, 12, 18, 24], id="divisor"),
        pytest.param(24, Fraction(24), Fraction(1, 12288), 4, [0, 6, 12, 18], id="no sample after the last frame"),
        pytest.param(100, Fraction(179, 6), Fraction(1, 11456), 5, [*range(0, 85, 6), 89, 95], id="179/6 at 5"),
        pytest.param(16, Fraction(30), Fraction(1, 600), 4, [0, 7, 15], id="a tie takes the earlier"),
        pytest.param(5, Fraction(30), Fraction(1, 1000), 30, [0, 1, 2, 3, 4], id="milliseconds lose no frame"),
        pytest.param(62, Fraction(30), Fraction(1, 1000), 30, [*range(62)], id="nor the last one"),
        pytest.param(10, Fraction(24), Fraction(1, 24), 24, [*range(10)], id="ticks as long as frames add none"),
        pytest.param(1, Fraction(25), Fraction(1, 25), 5, [0], id="one frame"),
    ],
)
def test_the_frames_nearest_to_the_sample_times_are_selected(
    frames: int, rate: Fraction, time_base: Fraction, infer_fps: int, expected: list[int]
) -> None:
    timestamps = constant_rate(frames, rate, time_base)
    assert sample_frames(timestamps, time_base, Fraction(infer_fps)) == expected


def test_times_count_from_the_first_frame() -> None:
    shifted = constant_rate(25, Fraction(24), Fraction(1, 12288), first=-768)
    assert sample_frames(shifted, Fraction(1, 12288), Fraction(4)) == [0, 6, 12, 18, 24]


def test_a_frame_that_stays_on_screen_is_sampled_again() -> None:
    timestamps = [0, 250, 500, 750, 1000, 5000]
    assert sample_frames(timestamps, Fraction(1, 1000), Fraction(1)) == [0, 4, 4, 4, 5, 5]


def test_more_samples_than_frames_select_each_frame_once() -> None:
    assert sample_frames([0, 1000, 5000], Fraction(1, 1000), Fraction(1)) == [0, 1, 2]
    # All frames that are nearest to a sample.
    assert sample_frames([0, 1, 2, 120_000], Fraction(1, 1000), Fraction(120)) == [0, 2, 3]


def test_a_year_between_two_frames_takes_no_time() -> None:
    year = 365 * 86400
    assert sample_frames([0, 1, year, year + 1], Fraction(1, 1), Fraction(120)) == [0, 1, 2, 3]


def sample_plainly(timestamps: list[int], time_base: Fraction, infer_fps: Fraction) -> list[int]:
    times = [(timestamp - timestamps[0]) * time_base for timestamp in timestamps]
    indices = []
    sample = 0
    while (target := sample / infer_fps) <= times[-1] + ROUNDING_SECONDS:
        indices.append(min(range(len(times)), key=lambda index: (abs(times[index] - target), index)))
        sample += 1
    return indices if len(indices) <= len(timestamps) else sorted(set(indices))


@pytest.mark.slow
@given(
    timestamps=st.lists(st.integers(-200, 5_000), min_size=1, max_size=40).map(sorted),
    time_base=st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 24)]),
    infer_fps=st.fractions(min_value=1, max_value=120, max_denominator=1001),
)
def test_sampling_agrees_with_a_simple_search(timestamps: list[int], time_base: Fraction, infer_fps: Fraction) -> None:
    span = (timestamps[-1] - timestamps[0]) * time_base
    if span * infer_fps > 300:
        timestamps = timestamps[:1]
    assert sample_frames(timestamps, time_base, infer_fps) == sample_plainly(timestamps, time_base, infer_fps)
