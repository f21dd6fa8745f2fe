"""Notes about a camera's clock that was set during a recording."""

from fractions import Fraction

import pytest

from videoengine.clock_jumps import describe_jumps, measure_seconds
from videoengine.timeline import Timeline

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "note", "length"),
    [
        ([0], "", 0),
        ([5, 6, 7], "", 2),
        ([0, 3600], "", 3600),
        ([0, 3601], "The clock of the video jumps by 1 h after 0 s", 0),
        ([10, 11, DAY], "The clock of the video jumps by 24 h after 1 s", 1),
        (
            [0, 2, DAY, DAY + 3, 3 * DAY],
            "The clock of the video jumps by 24 h after 2 s (the first of 2 jumps)",
            5,
        ),
    ],
)
def test_clock_jumps_are_noted_and_do_not_count_as_length(seconds: list[int], note: str, length: int) -> None:
    timestamps = tuple(100 * second for second in seconds)
    timeline = Timeline(timestamps, timestamps[:1], Fraction(1, 100), Fraction(1))
    assert describe_jumps(timeline) == note
    assert measure_seconds(timeline) == length
