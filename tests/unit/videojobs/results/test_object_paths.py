"""Paths of objects: whatever the frame rate, crossing a border counts once, with the right time."""

import random
from collections.abc import Sequence
from itertools import pairwise
from math import pi, sin
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.videojobs.results.watched import (
    BOX,
    DOCK,
    DOOR,
    HEIGHT,
    REGIONS,
    WIDTH,
    Place,
    follow,
    make_regions,
    outline,
    places,
    see,
    watch,
)
from videojobs.jobs.regions import Region, parse_regions
from videojobs.results.borders import make_border, measure_to_segment
from videojobs.results.events import Event
from videojobs.results.object_paths import MARGIN, has_stayed


def test_a_crossing_has_its_interpolated_time_and_place() -> None:
    [event] = follow(DOOR, (0.8, 0.4), (0.4, 0.48))
    assert event == Event(
        model_id="m",
        track_id=1,
        class_name="car",
        region="door",
        kind="crossing",
        direction="in",
        time_offset=0.75,
        frame_offset=1,
        dwell_seconds=None,
        at_border=True,
        x=500,
        y=230,
    )


@given(st.lists(st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)), min_size=1, max_size=6))
def test_events_are_in_the_picture_although_boxes_reach_beyond(walk: list[Place]) -> None:
    """The lower edge of a box may be below the picture, and the box may stand still there."""
    still = [place for place in walk for _ in range(2)]
    regions = parse_regions([{"name": "all", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}])
    events = [*follow(regions, *still), *follow(DOCK, *still), *follow(DOOR, *still)]
    assert events
    assert all(0 <= event.x <= WIDTH and 0 <= event.y <= HEIGHT for event in events)


def test_the_direction_is_that_of_the_line() -> None:
    assert outline(follow(DOOR, (0.4, 0.5), (0.6, 0.5), (0.4, 0.5))) == [("door", "out", 0.5), ("door", "in", 1.5)]


def test_the_line_of_the_documentation_is_crossed_in_by_what_moves_down() -> None:
    [line] = parse_regions([{"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]]}])
    assert [event.direction for event in follow([line], (0.5, 0.3), (0.5, 0.95))] == ["in"]


def test_a_line_is_not_crossed_beyond_its_ends() -> None:
    assert follow(DOOR, (0.8, 0.9), (0.2, 0.9)) == []
    around = (0.4, 0.5), (0.4, 0.9), (0.6, 0.9), (0.6, 0.5)
    assert follow(DOOR, *around) == []
    assert outline(follow(DOOR, *around, (0.4, 0.5))) == [("door", "in", 3.5)]


def test_a_polygon_that_is_passed_through_between_two_frames_is_entered_and_left() -> None:
    entry, exit_ = follow(DOCK, (0.1, 0.5), (0.9, 0.5))
    assert (entry.kind, entry.time_offset, entry.at_border, entry.x) == ("entry", 0.375, True, 400)
    assert (exit_.kind, exit_.time_offset, exit_.at_border, exit_.x) == ("exit", 0.625, True, 600)
    assert (entry.dwell_seconds, exit_.dwell_seconds) == (None, 0.25)


def test_a_polygon_that_is_missed_has_no_events() -> None:
    assert follow(DOCK, (0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)) == []


def test_who_is_first_seen_inside_enters_and_who_is_last_seen_inside_leaves() -> None:
    entry, exit_ = follow(DOCK, (0.5, 0.5), (0.51, 0.5), (0.52, 0.5))
    assert (entry.kind, entry.time_offset, entry.frame_offset, entry.at_border) == ("entry", 0, 0, False)
    assert (exit_.kind, exit_.time_offset, exit_.frame_offset, exit_.at_border) == ("exit", 2, 2, False)
    assert exit_.dwell_seconds == 2


def test_a_lost_track_ends_its_visit_when_it_was_last_seen_and_a_later_one_is_new() -> None:
    inside = see({1: (0.5, 0.5)})
    events = watch(DOCK, [inside, inside, *[None] * 5, inside])
    assert outline(events) == [("dock", "entry", 0), ("dock", "exit", 1), ("dock", "entry", 7), ("dock", "exit", 7)]
    assert outline(watch(DOCK, [inside, *[None] * 3, inside])) == [("dock", "entry", 0), ("dock", "exit", 4)]


def test_two_missed_frames_lose_no_track_however_far_apart() -> None:
    inside = see({1: (0.5, 0.5)})
    assert len(watch(DOCK, [inside, None, None, inside], [0, 30, 60, 90])) == 2
    assert len(watch(DOCK, [inside, None, None, None, inside], [0, 30, 60, 90, 120])) == 4


def test_a_path_over_a_long_gap_keeps_its_interpolated_time() -> None:
    events = watch(DOOR, [see({1: (0.8, 0.5)}), see({1: (0.4, 0.5)})], [0, 100])
    assert outline(events) == [("door", "in", 75)]


def tremble(count: int, *, seed: int = 7) -> list[Place]:
    """Places around the door by chance, nearer than the margin."""
    chance = random.Random(seed)  # noqa: S311  reproducible
    return [(0.5 + chance.uniform(-1, 1) * 0.9 * MARGIN * BOX / WIDTH, 0.5) for _ in range(count)]


def test_a_box_that_trembles_on_a_border_counts_once() -> None:
    places = tremble(100)
    assert follow(DOOR, *places) == []
    assert len(follow(DOOR, (0.6, 0.5), *places, (0.4, 0.5))) == 1
    assert len(follow(DOOR, (0.6, 0.5), *places, (0.6, 0.5))) == 0
    border = [(0.4 + x - 0.5, y) for x, y in places]
    assert [event.kind for event in follow(DOCK, (0.3, 0.5), *border, (0.5, 0.5))] == ["entry", "exit"]
    assert follow(DOCK, (0.3, 0.5), *border, (0.3, 0.5)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "most"), [(5, 0), (2, 1), (1, 1)])
def test_a_box_that_trembles_on_a_border_for_an_hour_has_few_events(rate: int, most: int) -> None:
    frames = [see({1: place}) for place in tremble(3600 * rate)]
    assert len(watch(DOOR, frames, [number / rate for number in range(len(frames))])) <= most


@pytest.mark.slow
@pytest.mark.parametrize("rate", [5, 2, 1])
@pytest.mark.parametrize("period_seconds", [10, 60])
def test_an_object_that_sways_at_a_border_for_an_hour_changes_sides_once(rate: int, period_seconds: int) -> None:
    xs = [
        0.5 + 0.5 * MARGIN * BOX / WIDTH * sin(2 * pi * number / rate / period_seconds) for number in range(3600 * rate)
    ]
    frames = [see({1: (x, 0.5)}) for x in xs]
    assert len(watch(DOOR, frames, [number / rate for number in range(len(frames))])) <= 1


runs = st.lists(st.integers(1, 40), max_size=12)


@given(runs, st.sampled_from([0.125, 0.25, 0.5, 1.0, 2.5]), st.integers(0, 1000))
def test_near_the_border_only_who_stays_on_the_other_side_has_crossed_it(
    runs: list[int], interval: float, seed: int
) -> None:
    """An object comes from the right, and is by turns on the left and on the right, always nearer than the margin."""
    chance = random.Random(seed)  # noqa: S311  reproducible
    path: list[Place] = [(0.7, 0.5)]
    is_right, was_right, expected = True, False, list[str]()
    for count in runs:
        sign = 1 if was_right else -1
        path += [(0.5 + sign * chance.uniform(0.05, 0.95) * MARGIN * BOX / WIDTH, 0.5) for _ in range(count)]
        if was_right != is_right and has_stayed((count - 1) * interval, count) and not expected:
            is_right = was_right
            expected.append("out" if is_right else "in")  # once: then it has to go beyond the margin
        was_right = not was_right
    found = watch(DOOR, [see({1: place}) for place in path], [number * interval for number in range(len(path))])
    assert [event.direction for event in found] == expected


def test_who_stays_just_beyond_the_border_has_crossed_it_when_he_came() -> None:
    beyond = 0.5 - 0.5 * MARGIN * BOX / WIDTH
    for further in ([], [(0.4, 0.5)]):
        [event] = follow(DOOR, (0.6, 0.5), *[(beyond, 0.5)] * 20, *further)
        assert (event.direction, event.frame_offset, event.at_border, event.x) == ("in", 1, True, 500)
        assert event.time_offset == pytest.approx(1, abs=0.02)
    assert follow(DOOR, (0.6, 0.5), *[(beyond, 0.5)] * 9) == []


def park(region: Region, stop: Place, seconds: int, **box: int) -> list[Event]:
    """A box comes from the lower edge and stops at a place; at last it goes back. Five frames a second."""
    way = [(stop[0], stop[1] + (1 - stop[1]) * share / 10) for share in range(10, 0, -1)]
    walk = [see({1: place}, **box) for place in (*way, *[stop] * 5 * seconds, *reversed(way))]
    return watch([region], walk, [number / 5 for number in range(len(walk))])


def test_a_car_that_parks_near_the_lower_side_of_its_slot_is_in_it() -> None:
    [slot] = make_regions(slot=[(0.4, 0.4), (0.7, 0.4), (0.7, 0.9), (0.4, 0.9)])
    entry, exit_ = park(slot, (0.55, 0.9 - 22 / HEIGHT), 60, width=200, height=120)
    assert (entry.kind, exit_.kind, entry.at_border, exit_.at_border) == ("entry", "exit", True, True)
    assert exit_.dwell_seconds == pytest.approx(61, abs=1)


def test_a_polygon_that_is_narrower_than_the_margins_is_entered_by_who_stands_in_it() -> None:
    [strip] = make_regions(strip=[(0.5, 0.3), (0.59, 0.3), (0.59, 0.8), (0.5, 0.8)])
    entry, exit_ = park(strip, (0.545, 0.6), 20, width=200, height=600)
    assert (entry.kind, exit_.kind, entry.at_border, exit_.at_border) == ("entry", "exit", True, True)
    assert exit_.dwell_seconds == pytest.approx(21, abs=1)


def test_objects_leave_at_the_edge_of_the_frame_where_there_is_no_border() -> None:
    regions = parse_regions([{"name": "yard", "polygon": [[0.1, 0.5], [0.6, 0.5], [0.6, 0.995], [0.1, 1]]}])
    walk = [see({1: (0.3, y)}) for y in (0.3, 0.6, 0.8, 0.97, 0.979, 0.985, 1.01)]
    assert [(event.kind, event.at_border) for event in watch(regions, walk)] == [("entry", True), ("exit", False)]
    along = [see({1: (x, 0.99)}) for x in (0.9, 0.7, 0.5, 0.3, 0.2)]
    assert [(event.kind, event.at_border) for event in watch(regions, along)] == [("entry", True), ("exit", False)]


def test_the_anchor_is_the_bottom_or_the_center() -> None:
    line = {"name": "line", "line": [[0, 0.5], [1, 0.5]]}
    tall = [see({1: (0.5, y)}, height=200) for y in (0.1, 0.35, 0.45)]
    times = {}
    for anchor in ("bottom-center", "center"):
        times[anchor] = outline(watch(parse_regions([{**line, "anchor": anchor}]), tall))
    assert times == {"bottom-center": [("line", "in", 0.8)], "center": []}
    both = parse_regions([line, {**line, "name": "other", "anchor": "center"}])
    lower = see({1: (0.5, 0.6)}, height=200)
    assert outline(watch(both, [*tall, lower])) == [("line", "in", 0.8), ("other", "in", 2.333)]


def test_only_the_region_s_classes_count() -> None:
    regions = parse_regions([{**DOOR[0].to_dict(), "classes": ["truck"]}, {**DOCK[0].to_dict(), "classes": ["car"]}])
    events = follow(regions, (0.7, 0.5), (0.5, 0.5), (0.3, 0.5))
    assert {event.region for event in events} == {"dock"}
    events = follow(regions, (0.7, 0.5), (0.5, 0.5), (0.3, 0.5), **{"class": "truck"})
    assert {event.region for event in events} == {"door"}


TRUCKS = parse_regions([{**DOCK[0].to_dict(), "classes": ["truck"]}])


def walk_classes(regions: Sequence[Region], *names: str, rate: float = 1, start: Sequence[Place] = ()) -> list[Event]:
    """An object that is found as these classes: at the first places, then inside."""
    where = [*start, *[(0.5, 0.5)] * (len(names) - len(start))]
    elements = [see({1: place}, **{"class": name}) for place, name in zip(where, names, strict=True)]
    return watch(regions, elements, [number / rate for number in range(len(names))])


def outline_classes(events: Sequence[Event]) -> list[tuple[str, str | None, float]]:
    return [(event.kind, event.class_name, round(event.time_offset, 3)) for event in events]


@pytest.mark.parametrize("rate", [1, 5, 30])
def test_a_visit_has_the_class_of_most_of_its_frames(rate: int) -> None:
    names = [*["truck"] * 3, *["car"] * 497]
    expected = [("entry", "car", 0), ("exit", "car", round(499 / rate, 3))]
    assert outline_classes(walk_classes(DOCK, *names, rate=rate)) == expected
    assert walk_classes(TRUCKS, *names, rate=rate) == []
    assert [event.class_name for event in walk_classes(DOCK, "person", *["cup"] * 20, rate=rate)] == ["cup", "cup"]


def test_a_short_visit_has_the_class_of_most_of_its_frames() -> None:
    assert [event.class_name for event in walk_classes(DOCK, "car", "truck", "truck", "truck")] == ["truck", "truck"]
    assert [event.class_name for event in walk_classes(DOCK, "car", "truck", "car")] == ["car", "car"]


def test_one_frame_with_another_class_is_not_believed() -> None:
    assert walk_classes(TRUCKS, "car", "car", "truck", "car", "car") == []
    passing = [(0.3, 0.5), (0.3, 0.5), (0.3, 0.5), (0.7, 0.5)]
    events = walk_classes(DOCK, "car", "car", "car", "truck", start=passing)
    assert [(event.kind, event.class_name) for event in events] == [("entry", "car"), ("exit", "car")]


def test_a_class_that_is_found_late_changes_neither_the_time_nor_the_place_of_the_entry() -> None:
    [entry, exit_] = walk_classes(TRUCKS, *["car"] * 5, *["truck"] * 40, rate=5, start=[(0.3, 0.5)])
    assert (entry.class_name, entry.x, entry.at_border, exit_.class_name) == ("truck", 400, True, "truck")
    assert (entry.time_offset, exit_.dwell_seconds) == pytest.approx((0.1, 8.7))


def test_a_visit_keeps_its_class_and_another_that_counts_begins_a_visit() -> None:
    later = [*["car"] * 50, *["truck"] * 50]
    assert outline_classes(walk_classes(DOCK, *later)) == [("entry", "car", 0), ("exit", "car", 99)]
    entry, exit_ = walk_classes(TRUCKS, *later)
    assert outline_classes([entry, exit_]) == [("entry", "truck", 52), ("exit", "truck", 99)]
    assert not entry.at_border


@pytest.mark.parametrize("count", range(6, 30))
def test_a_class_that_counts_is_found_however_late_it_comes(count: int) -> None:
    """Also while the class of the visit is not certain yet, which then does not count."""
    [entry, exit_] = walk_classes(TRUCKS, *["car"] * count, *["truck"] * 100, rate=5)
    assert (entry.class_name, exit_.class_name) == ("truck", "truck")
    assert entry.frame_offset <= max(15, count + 2)


def test_a_track_id_that_comes_twice_in_a_frame_counts_once() -> None:
    twice = see({1: (0.7, 0.5)})
    twice["predictions"] += see({1: (0.3, 0.5)})["predictions"]
    assert watch(DOOR, [twice] * 5) == []


paths = st.lists(places, min_size=2, max_size=6)
DENSE = 64
"""Frames of the densest sampling of a straight path; powers of two divide it."""


def walk(path: list[Place], steps: int) -> list[Any]:
    """A path from place to place, in so many steps each; the box does not move while it turns."""
    found = [
        (x1 + n / steps * (x2 - x1), y1 + n / steps * (y2 - y1))
        for (x1, y1), (x2, y2) in pairwise(path)
        for n in range(steps)
    ]
    return [see({1: place}) for place in [*found, path[-1]]]


@pytest.mark.slow
@given(paths, st.sampled_from([2, 4, 8, 16, 32]))
def test_a_lower_frame_rate_finds_the_same_events(path: list[Place], stride: int) -> None:
    assume(all(depth > 2 * MARGIN * BOX for depth in measure_depths(path)))
    dense = walk(path, DENSE)
    expected = watch(REGIONS, dense, [n / DENSE for n in range(len(dense))])
    sparse = dense[::stride]
    found = watch(REGIONS, sparse, [n * stride / DENSE for n in range(len(sparse))])
    assert [(e.region, e.kind, e.direction, e.at_border) for e in found] == [
        (e.region, e.kind, e.direction, e.at_border) for e in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.time_offset == pytest.approx(other.time_offset, abs=1e-6)


def measure_depths(path: list[Place]) -> list[float]:
    """How far each part of a path gets from the borders, and how far its ends are."""
    depths = []
    pixels = [(x * WIDTH, y * HEIGHT) for x, y in path]
    for region in REGIONS:
        border = make_border(region, (WIDTH, HEIGHT))
        depths += [border.measure(*pixels[0]), border.measure(*pixels[-1])]
        for (x1, y1), (x2, y2) in pairwise(pixels):
            for part in border.split((x1, y1), (x2, y2)):
                shares = [part.start + n / 24 * (part.end - part.start) for n in range(25)]
                depths.append(max(border.measure(x1 + s * (x2 - x1), y1 + s * (y2 - y1)) for s in shares))
    return depths


@given(paths)
def test_the_mirrored_path_crosses_the_mirrored_line_in_the_other_direction(path: list[Place]) -> None:
    [line] = make_regions(door=[(0.25, 0.25), (0.75, 0.5)])
    border = make_border(line, (WIDTH, HEIGHT))
    assume(all(border.measure(x * WIDTH, y * HEIGHT) > 0.01 for x, y in path))
    for (x1, y1), (x2, y2) in pairwise(path):
        assume(all(measure_to_segment(x, y, (x1, y1, x2, y2)) > 1e-4 for x, y in line.points))
    mirrored = make_regions(door=[(0.75, 0.25), (0.25, 0.5)])
    one = follow([line], *path)
    other = follow(mirrored, *[(1 - x, y) for x, y in path])
    swap = {"in": "out", "out": "in"}
    assert [(e.direction, round(e.time_offset, 6)) for e in one] == [
        (swap[str(e.direction)], round(e.time_offset, 6)) for e in other
    ]


@given(paths, st.integers(0, 1000))
def test_trembling_below_the_margin_adds_no_events(path: list[Place], seed: int) -> None:
    """An object that stops on its way, and trembles there, has the events of one that does not tremble."""
    assume(all(depth > 3 * MARGIN * BOX for depth in measure_depths(path)))
    chance = random.Random(seed)  # noqa: S311  reproducible
    reach = 0.6 * MARGIN * BOX
    [door] = DOOR
    for (x1, y1), (x2, y2) in pairwise(path):  # whoever trembles at the end of a line crosses it or goes around
        way = x1 * WIDTH, y1 * HEIGHT, x2 * WIDTH, y2 * HEIGHT
        assume(all(measure_to_segment(x * WIDTH, y * HEIGHT, way) > 2 * reach for x, y in door.points))
    still = [place for place in path for _ in range(3)]
    trembling = [
        (x + chance.uniform(-reach, reach) / WIDTH, y + chance.uniform(-reach, reach) / HEIGHT) for x, y in still
    ]
    expected, found = follow(REGIONS, *still), follow(REGIONS, *trembling)
    for region in REGIONS:
        assert [(e.kind, e.direction) for e in found if e.region == region.name] == [
            (e.kind, e.direction) for e in expected if e.region == region.name
        ]
