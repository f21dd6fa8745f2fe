"""The events of regions as the page reads them."""

from typing import Any

import pytest

from tests.frames import make_frames
from videojobs.jobs.regions import parse_regions
from videojobs.report import region_events
from videojobs.report.region_events import RegionEvents
from videojobs.results.events import Event

REGIONS = parse_regions(
    [
        {"name": "dock", "polygon": [[0, 0], [1, 0], [1, 1]]},
        {"name": "door", "line": [[0, 0.5], [1, 0.5]]},
    ]
)


def make_event(**fields: Any) -> Event:
    given = {
        "model_id": "parts",
        "track_id": 3,
        "class_name": "person",
        "direction": None,
        "time_offset": 1.00049,
        "frame_offset": 30,
        "dwell_seconds": None,
        "at_border": True,
        "x": 1.0,
        "y": 2.0,
    }
    return Event(**{**given, **fields})


def collect(*events: Event, start_offset: float = 0.0) -> Any:
    collected = RegionEvents(REGIONS)
    collected.add(make_frames("parts", []).with_events(events), start_offset)
    return collected.to_dict()


def test_events_are_rows_in_the_player_s_time() -> None:
    index = collect(
        make_event(region="dock", kind="entry"),
        make_event(region="door", kind="crossing", direction="out", time_offset=2, class_name="a\u202eb"),
        make_event(region="dock", kind="exit", time_offset=3, dwell_seconds=2.5, at_border=False, class_name=None),
        start_offset=0.5,
    )
    assert index["events"] == {
        "total": 3,
        "is_complete": True,
        "rows": [
            [0, "entry", 1.5, 3, "person", None, True],
            [1, "out", 2.5, 3, "a\\u202eb", None, True],
            [0, "exit", 3.5, 3, None, 2.5, False],
        ],
    }


def test_each_region_has_its_counts_and_its_longest_stay() -> None:
    dock, door = collect(
        make_event(region="dock", kind="exit", time_offset=3, dwell_seconds=2.5),
        make_event(region="dock", kind="exit", time_offset=9, dwell_seconds=4),
        make_event(region="dock", kind="exit", time_offset=12, dwell_seconds=1),
        make_event(region="dock", kind="entry"),
        make_event(region="door", kind="crossing", direction="in"),
    )["regions"]
    assert dock["counts"] == {"entry": 1, "exit": 3}
    assert dock["longest"] == {"dwell": 4, "time": 5}
    assert (door["name"], door["is_line"], door["points"]) == ("door", True, ((0, 0.5), (1, 0.5)))
    assert door["counts"] == {"in": 1, "out": 0}
    assert door["longest"] is None


def test_all_events_count_but_only_the_first_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_events, "LISTED_MAX", 2)
    index = collect(*[make_event(region="door", kind="crossing", direction="in", track_id=track) for track in range(5)])
    assert index["events"]["total"] == 5
    assert [row[3] for row in index["events"]["rows"]] == [0, 1]
    assert index["regions"][1]["counts"]["in"] == 5


def test_without_regions_there_is_nothing() -> None:
    assert RegionEvents(()).to_dict() == {"regions": [], "events": {"total": 0, "rows": [], "is_complete": True}}


def test_a_failure_to_detect_events_is_said() -> None:
    collected = RegionEvents(REGIONS)
    collected.add(make_frames("parts", []).with_events((), ValueError("no size")), 0.0)
    collected.add(make_frames("other", []), 0.0)
    assert collected.to_dict()["events"]["is_complete"] is False
