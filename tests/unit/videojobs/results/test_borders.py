"""Borders: sides, distances and crossings, checked against the definition and under symmetries."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from videojobs.results.borders import (
    Border,
    LineBorder,
    PolygonBorder,
    find_crossing,
    measure_to_segment,
    snap_to_edges,
)

SIZE = (1000, 1000)
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
HORSESHOE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.6, 0.8), (0.6, 0.4), (0.4, 0.4), (0.4, 0.8), (0.2, 0.8))
"""A concave polygon, open at the bottom."""

coordinates = st.floats(20, 980)
places = st.tuples(coordinates, coordinates)
shares = st.floats(0.001, 0.999)


def list_sides(border: Border, start: Any, end: Any) -> list[tuple[float, bool]]:
    return [(round(part.start, 6), part.is_inside) for part in border.split(start, end)]


def test_a_path_through_a_polygon_has_three_parts() -> None:
    border = PolygonBorder(SQUARE, SIZE)
    assert list_sides(border, (100, 500), (900, 500)) == [(0, False), (0.125, True), (0.875, False)]
    assert list_sides(border, (100, 100), (900, 100)) == [(0, False)]
    assert list_sides(border, (300, 300), (700, 700)) == [(0, True)]


def test_a_path_through_a_concave_polygon_leaves_it_in_between() -> None:
    border = PolygonBorder(HORSESHOE, SIZE)
    sides = list_sides(border, (100, 700), (900, 700))
    assert [is_inside for _, is_inside in sides] == [False, True, False, True, False]
    assert [round(100 + share * 800) for share, _ in sides] == [100, 200, 400, 600, 800]


def test_a_path_that_touches_a_corner_has_one_part() -> None:
    assert list_sides(PolygonBorder(SQUARE, SIZE), (100, 300), (300, 100)) == [(0, False)]


@pytest.mark.parametrize(("end", "is_entered"), [((500, 700), True), ((100, 700), False)])
def test_a_line_is_crossed_only_between_its_points(end: Any, is_entered: bool) -> None:
    border = LineBorder(((0.3, 0.5), (0.7, 0.5)), SIZE)
    before, after = border.split((end[0], 300), end)
    assert (before.is_inside, after.is_inside, after.is_entered) == (False, True, is_entered)
    assert after.start == pytest.approx(0.5)


def test_sides_on_the_edge_of_the_frame_are_no_borders() -> None:
    border = PolygonBorder(((0.2, 0.5), (0.8, 0.5), (0.8, 1), (0.2, 0.995)), SIZE)
    assert border.measure(500, 999) == pytest.approx(300)
    assert PolygonBorder(((0, 0), (1, 0), (1, 1), (0, 1)), SIZE).measure(500, 999) == math.inf


def test_a_polygon_that_is_a_strip_at_the_edge_stays_one() -> None:
    strip = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.008), (0.0, 0.008))
    assert snap_to_edges(strip) == strip


@pytest.mark.parametrize("shape", [SQUARE, HORSESHOE])
@given(place=places)
def test_the_inside_and_the_distance_are_those_of_a_walk_around(shape: Any, place: tuple[float, float]) -> None:
    border = PolygonBorder(shape, SIZE)
    corners = [(x * 1000, y * 1000) for x, y in shape]
    sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    walk = [(x1 + n / 50 * (x2 - x1), y1 + n / 50 * (y2 - y1)) for (x1, y1), (x2, y2) in sides for n in range(50)]
    nearest = min(math.dist(place, point) for point in walk)
    assert border.measure(*place) <= nearest + 1e-9
    assume(nearest > 13)
    assert border.measure(*place) >= nearest - 12.1
    angles = [math.atan2(y - place[1], x - place[0]) for x, y in walk]
    turns = sum(math.remainder(b - a, math.tau) for a, b in zip(angles, [*angles[1:], angles[0]], strict=True))
    assert border.has_inside(*place) is (abs(turns) > math.pi)


@pytest.mark.parametrize("border", [PolygonBorder(HORSESHOE, SIZE), LineBorder(((0.3, 0.4), (0.7, 0.6)), SIZE)])
@given(start=places, end=places)
def test_the_parts_of_a_path_cover_it_and_alternate(border: Border, start: Any, end: Any) -> None:
    parts = border.split(start, end)
    assert (parts[0].start, parts[-1].end) == (0, 1)
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert all(one.is_inside != other.is_inside for one, other in pairwise(parts))
    for part in parts:
        middle = (part.start + part.end) / 2
        x, y = (a + middle * (b - a) for a, b in zip(start, end, strict=True))
        assert part.is_inside == border.has_inside(x, y) or border.measure(x, y) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    "border",
    [
        PolygonBorder(SQUARE, SIZE),
        PolygonBorder(HORSESHOE, SIZE),
        PolygonBorder(((0.3, 0.1), (0.9, 0.5), (0.4, 0.8)), SIZE),
        LineBorder(((0.3, 0.4), (0.7, 0.6)), SIZE),
        LineBorder(((0.2, 0.4), (0.8, 0.4)), SIZE),
    ],
)
@given(place=places, start=st.tuples(shares, shares), end=st.tuples(shares, shares))
def test_no_path_in_the_free_rectangle_crosses_the_border(border: Border, place: Any, start: Any, end: Any) -> None:
    left, right, top, bottom = border.find_free(*place)
    assert left <= place[0] <= right
    assert top <= place[1] <= bottom
    left, right, top, bottom = max(left, -100), min(right, 1100), max(top, -100), min(bottom, 1100)
    path = [(left + across * (right - left), top + down * (bottom - top)) for across, down in (start, end)]
    assert not any(part.is_entered for part in border.split(*path))


def test_the_free_rectangle_of_a_place_in_a_rectangle_is_all_of_it() -> None:
    border = PolygonBorder(((0.2, 0.2), (0.8, 0.2), (0.8, 0.6), (0.2, 0.6)), SIZE)
    assert border.find_free(300, 500) == (200, 800, 200, 600)


@given(start=places, end=places, ends=st.tuples(coordinates, coordinates, coordinates, coordinates))
def test_a_crossing_mirrored_and_moved_is_the_same(start: Any, end: Any, ends: Any) -> None:
    x1, y1, x2, y2 = ends
    share = find_crossing(start, end, ends)
    assume(share is None or 1e-6 < share < 1 - 1e-6)
    mirrored = find_crossing((start[0], -start[1]), (end[0], -end[1]), (x1, -y1, x2, -y2))
    moved = find_crossing((start[0] + 64, start[1]), (end[0] + 64, end[1]), (x1 + 64, y1, x2 + 64, y2))
    near = min(
        *(measure_to_segment(x, y, (x1, y1, x2, y2)) for x, y in (start, end)),
        *(measure_to_segment(x, y, (*start, *end)) for x, y in ((x1, y1), (x2, y2))),
    )
    assume(near > 1e-6)
    if share is None:
        assert mirrored is None
        assert moved is None
    else:
        assert mirrored == pytest.approx(share)
        assert moved == pytest.approx(share)
        x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        assert measure_to_segment(x, y, ends) < 1e-6
