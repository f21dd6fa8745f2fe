"""The events of a model: in order, the same for any batches, and from few objects in memory."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import make_frames
from tests.unit.videojobs.results.watched import (
    DOCK,
    DOOR,
    HEIGHT,
    HORSESHOE,
    REGIONS,
    WIDTH,
    Place,
    follow,
    outline,
    places,
    see,
    watch,
)
from videojobs.errors import BrokenResults
from videojobs.jobs.regions import parse_regions
from videojobs.results.analysis import Analysis
from videojobs.results.predictions import decode_boxes

objects = st.dictionaries(st.integers(1, 4), places, max_size=4)
scenes = st.lists(st.none() | objects, max_size=30)


def test_predictions_without_a_track_or_a_box_have_no_events() -> None:
    assert follow(DOOR, (0.8, 0.5), (0.4, 0.5), tracker_id=-1) == []
    assert follow(DOOR, (0.8, 0.5), (0.4, 0.5), width=None) == []
    assert follow(DOOR, (0.8, 0.5), (0.4, 0.5), x=math.inf) == []


def test_the_tracker_s_ids_are_used_without_others() -> None:
    found = [see({1: (0.3 + n / 50, 0.5)}, tracker_id=None, confidence=0.9) for n in range(20)]
    assert [(event.track_id, event.direction) for event in watch(DOOR, found)] == [(1, "out")]


def test_an_element_without_a_size_has_the_last_one() -> None:
    first, second = see({1: (0.8, 0.4)}), see({1: (0.4, 0.5)})
    del second["image"]
    assert outline(watch(DOOR, [first, second])) == [("door", "in", 0.75)]


def test_without_any_size_events_fail_with_the_reason() -> None:
    one = see({1: (0.5, 0.5)})
    del one["image"]
    with pytest.raises(BrokenResults, match=r"^The elements of m lack the size of the picture"):
        watch(DOCK, [one])
    assert watch(DOCK, [None, {"predictions": []}]) == []


def test_another_size_moves_the_objects() -> None:
    other = see({1: (0.4, 0.5)})
    other["image"] = {"width": 2 * WIDTH, "height": 2 * HEIGHT}
    for box in other["predictions"]:
        box.update({name: 2 * box[name] for name in ("x", "y", "width", "height")})
    assert outline(watch(DOOR, [see({1: (0.8, 0.4)}), other])) == [("door", "in", 0.75)]


@pytest.mark.slow
@given(scenes, st.sampled_from([0.2, 1.0, 2.5]), st.sampled_from([1, 2, 3, 7]))
def test_events_are_in_order_and_conserve_objects_and_do_not_depend_on_batches(
    scene: list[dict[int, Place] | None], interval: float, batch: int
) -> None:
    elements = [None if found is None else see(found) for found in scene]
    times = [interval * number for number in range(len(scene))]
    events = watch(REGIONS, elements, times)
    assert [event.time_offset for event in events] == sorted(event.time_offset for event in events)
    assert watch(REGIONS, elements, times, batch=batch) == events
    inside: dict[int, float] = {}
    for event in events:
        if event.kind == "entry":
            assert event.track_id not in inside
            inside[event.track_id] = event.time_offset
        elif event.kind == "exit":
            assert event.dwell_seconds == pytest.approx(event.time_offset - inside.pop(event.track_id))
            assert event.dwell_seconds is not None
            assert event.dwell_seconds >= 0
        assert 0 <= event.x <= WIDTH
        assert 0 <= event.y <= HEIGHT
        assert event.frame_offset < len(scene)
    assert inside == {}


named = st.tuples(places, st.sampled_from(["car", "truck", "cup"]))
CLASSES = parse_regions(
    [{**HORSESHOE[0].to_dict(), "name": name, "classes": names} for name, names in (("all", []), ("few", ["car"]))]
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.integers(1, 2), named), max_size=60), st.sampled_from([0.2, 0.5, 1.0]), st.data())
def test_who_enters_as_a_class_that_counts_leaves_as_this_class(
    scene: list[dict[int, tuple[Place, str]]], interval: float, data: st.DataObject
) -> None:
    elements = []
    for found in scene:
        element = see({track_id: place for track_id, (place, _) in found.items()})
        for box in element["predictions"]:
            box["class"] = found[box["tracker_id"]][1]
        elements.append(element)
    times = [interval * number for number in range(len(scene))]
    events = watch(CLASSES, elements, times)
    assert watch(CLASSES, elements, times, batch=data.draw(st.integers(1, 7))) == events
    assert [event.time_offset for event in events] == sorted(event.time_offset for event in events)
    inside: dict[tuple[str, int], tuple[str | None, float]] = {}
    for event in events:
        key = event.region, event.track_id
        assert event.region == "all" or event.class_name == "car"
        if event.kind == "entry":
            assert key not in inside
            inside[key] = event.class_name, event.time_offset
        else:
            class_name, entered_at = inside.pop(key)
            assert event.class_name == class_name
            assert event.dwell_seconds == event.time_offset - entered_at
    assert inside == {}


@pytest.mark.slow
@given(scenes)
def test_events_do_not_depend_on_the_parser(scene: list[dict[int, Place] | None]) -> None:
    elements = [None if found is None else see(found) for found in scene]
    assert watch(REGIONS, decode_boxes(json.dumps(elements).encode())) == watch(REGIONS, elements)


def test_memory_holds_only_objects_that_may_come_back() -> None:
    analysis = Analysis(track=True, regions=REGIONS)
    for n in range(300):
        analysis.add(make_frames("m", [see({n: (0.5, 0.5)})], first=n))
    assert analysis._detection is not None
    model = analysis._detection._models["m"]
    assert len(model._watches[0]._objects) <= 7
    assert len(model._found) <= 20
