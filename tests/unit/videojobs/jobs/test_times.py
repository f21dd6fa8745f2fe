"""Times and durations for people."""

from dataclasses import replace
from typing import Any

import pytest

from videojobs.jobs.ledger import Job
from videojobs.jobs.times import format_clock, format_duration, format_place


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_durations_are_formatted_with_units(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.9, "0:07"), (750, "12:30"), (3723, "1:02:03"), (1e300, "(invalid time)")]
)
def test_times_are_formatted_as_players_show_them(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


def test_a_place_in_the_video_is_the_time_of_day_if_that_is_known(job: Job) -> None:
    options: dict[str, Any] = {"start_offset": 0.5}
    assert format_place(replace(job, **options), 7.0) == "0:07"
    recorded = replace(job, **options, video_recorded_at="2026-11-28T23:59:58+01:00")
    assert format_place(recorded, 1.0) == "23:59:59"
    assert format_place(recorded, 2.0) == "2026-11-29 00:00:00"
