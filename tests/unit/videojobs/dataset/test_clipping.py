"""Outlines are cut off at the edge of the picture: the part that is on it keeps its shape."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videojobs.dataset.clipping import clip_polygon
from videojobs.dataset.orientation import Point

SIZE = (40, 30)
MARGIN = 60
POINTS = st.tuples(*(st.integers(-MARGIN + 1, length + MARGIN - 1).map(float) for length in SIZE))


def pair(values: list[float]) -> list[Point]:
    return list(zip(values[::2], values[1::2], strict=True))


def list_inside(points: list[Point]) -> list[Point]:
    """Returns the places in the pixels of the picture that are in an outline, by the rule of even and odd crossings."""
    return [
        (x, y)
        for x in np.arange(SIZE[0]) + 0.3712
        for y in np.arange(SIZE[1]) + 0.6173
        if sum(
            (one[1] > y) != (other[1] > y) and x < one[0] + (other[0] - one[0]) * (y - one[1]) / (other[1] - one[1])
            for one, other in pairwise([*points, *points[:1]])
        )
        % 2
    ]


def test_the_part_on_the_picture_keeps_its_shape() -> None:
    clipped = pair(clip_polygon([(-300, 180), (300, 50), (300, 310)], (640, 360)))
    assert clipped == [(0, 245), (0, 115), (300, 50), (300, 310)]


@pytest.mark.parametrize(
    "points",
    [
        [(-9, 5), (-1, 5), (-5, 9)],
        [(50, 5), (60, 5), (55, 9)],
        [(5, -9), (9, -9), (7, -1)],
        [(5, 35), (9, 35), (7, 50)],
        [(float("inf"), 1), (1, 1), (1, 9)],
    ],
)
def test_nothing_is_left_of_an_outline_outside_the_picture(points: list[Point]) -> None:
    assert clip_polygon(points, SIZE) == []


def test_a_picture_inside_an_outline_is_all_of_it() -> None:
    clipped = pair(clip_polygon([(-1e308, -1e308), (1e308, -1e308), (1e308, 1e308), (-1e308, 1e308)], SIZE))
    assert {*clipped} == {(0, 0), (40, 0), (40, 30), (0, 30)}


@given(st.lists(POINTS, min_size=3, max_size=8))
def test_all_points_are_on_the_picture(points: list[Point]) -> None:
    assert all(0 <= x <= SIZE[0] and 0 <= y <= SIZE[1] for x, y in pair(clip_polygon(points, SIZE)))


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(POINTS, min_size=3, max_size=8))
def test_the_same_places_are_inside(points: list[Point]) -> None:
    assert list_inside(pair(clip_polygon(points, SIZE))) == list_inside(points)


@given(st.lists(st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1])), min_size=3, max_size=8))
def test_an_outline_on_the_picture_stays(points: list[Point]) -> None:
    assert pair(clip_polygon(points, SIZE)) == points
