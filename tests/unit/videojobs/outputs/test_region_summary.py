"""What happened in regions, compared with a simple count over time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.results.watched import DOCK, DOOR, REGIONS, Place, follow, make_regions, places, see, watch
from videojobs.outputs.region_summary import (
    PolygonSummary,
    RegionSummaries,
    add_events,
    begin_summaries,
    read_summaries,
    write_summaries,
)
from videojobs.results.events import Event

scenes = st.lists(st.none() | st.dictionaries(st.integers(1, 5), places, max_size=5), max_size=12)


def summarize_events(events: list[Event]) -> RegionSummaries:
    summaries = begin_summaries(REGIONS)
    add_events(summaries, events)
    return summaries


def test_a_polygon_has_occupancy_and_dwell() -> None:
    inside, outside = (0.5, 0.5), (0.1, 0.5)
    scene = [{1: inside}, {1: inside, 2: outside}, {1: inside, 2: inside}, {1: outside, 2: inside}, {2: inside}]
    summaries = begin_summaries(DOCK)
    add_events(summaries, watch(DOCK, [see(found) for found in scene], [0, 2, 4, 6, 8]))
    assert write_summaries(summaries) == {
        "dock": {
            "car": {
                "entries": 2,
                "exits": 2,
                "peak": 2,
                "peak_at_seconds": 3.5,
                "dwell_seconds_max": 4.5,
                "dwell_seconds_mean": 4.5,
                "occupied_seconds": 8,
            }
        }
    }


def test_a_line_has_crossings_in_each_direction() -> None:
    summaries = begin_summaries(DOOR)
    add_events(summaries, follow(DOOR, (0.7, 0.5), (0.3, 0.5), (0.7, 0.5), (0.3, 0.5)))
    assert write_summaries(summaries) == {"door": {"car": {"in": 2, "out": 1}}}


def test_a_region_without_events_has_no_classes() -> None:
    summaries = begin_summaries(make_regions(door=[(0.5, 0.2), (0.5, 0.8)]))
    add_events(summaries, follow(DOOR, (0.7, 0.5), **{"class": None}))
    assert write_summaries(summaries) == {"door": {}}


@given(scenes)
def test_the_numbers_are_those_of_a_simple_count(scene: list[dict[int, Place] | None]) -> None:
    events = watch(REGIONS, [None if found is None else see(found) for found in scene])
    summaries = summarize_events(events)
    dwells = [event.dwell_seconds for event in events if event.dwell_seconds is not None]
    counts = summaries["dock"].get("car", PolygonSummary())
    assert isinstance(counts, PolygonSummary)
    assert counts.entries == counts.exits == len(dwells)
    changes = [(event.time_offset, 1 if event.kind == "entry" else -1) for event in events if event.kind != "crossing"]
    levels = [sum(change for _, change in changes[: n + 1]) for n in range(len(changes))]
    assert counts.peak == max(levels, default=0)
    assert counts.occupied_seconds <= sum(dwells) + 1e-6
    assert counts.dwell_seconds_max <= counts.occupied_seconds + 1e-3
    if counts.dwell_seconds_mean is not None:
        assert abs(counts.dwell_seconds_mean - sum(dwells) / len(dwells)) < 1e-6


@pytest.mark.slow
@given(scenes)
def test_summaries_survive_being_written_and_read(scene: list[dict[int, Place] | None]) -> None:
    summaries = summarize_events(watch(REGIONS, [None if found is None else see(found) for found in scene]))
    written: Any = json.loads(json.dumps(write_summaries(summaries), allow_nan=False))
    assert write_summaries(read_summaries(written)) == written
