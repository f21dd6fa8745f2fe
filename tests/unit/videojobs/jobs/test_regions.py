"""Regions: polygons and lines in shares of the frame; what can't be one is refused, with the place."""

import math
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videojobs.errors import InvalidOption
from videojobs.jobs.regions import POINTS_MAX, REGIONS_MAX, parse_regions

SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
DOOR = {"name": "door", "line": [[0, 0.5], [1, 0.5]]}


def test_polygons_and_lines_are_read_and_written() -> None:
    given = [DOOR, {"name": "dock", "polygon": SQUARE, "classes": ["truck"], "anchor": "center"}]
    door, dock = parse_regions(given)
    assert (door.name, door.is_line, door.points, door.anchor) == ("door", True, ((0, 0.5), (1, 0.5)), "bottom-center")
    assert (dock.is_line, len(dock.points), dock.classes, dock.anchor) == (False, 4, ("truck",), "center")
    assert [door.to_dict(), dock.to_dict()] == given


def test_only_the_region_s_classes_count() -> None:
    door, dock = parse_regions([DOOR, {"name": "dock", "polygon": SQUARE, "classes": ["truck"]}])
    assert door.counts("cat")
    assert door.counts(None)
    assert [dock.counts(name) for name in ("truck", "cat", None)] == [True, False, False]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "regions: a list of polygons and lines is needed."),
        (["door"], "regions: entry 1: it is not an object with a name"),
        ([{"line": SQUARE[:2]}], "regions: entry 1: it has no name."),
        ([{"name": " ", "line": SQUARE[:2]}], "regions: entry 1: it has no name."),
        ([{"name": "a\nb", "line": SQUARE[:2]}], "regions: entry 1: name: a name has 1 to 60 printable characters"),
        ([{"name": 61 * "a", "line": SQUARE[:2]}], "regions: entry 1: name: a name has 1 to 60"),
        ([{**DOOR, "colour": 1}], "regions: entry 1: there is no field 'colour'; the fields are name, polygon, line"),
        ([{"name": "a"}], "regions: 'a': it needs either a polygon or a line."),
        ([{**DOOR, "polygon": SQUARE}], "regions: 'door': it needs either a polygon or a line."),
        ([{**DOOR, "anchor": "top"}], "regions: 'door': anchor: 'top' is not one of center, bottom-center."),
        ([{**DOOR, "classes": "car"}], "regions: 'door': classes: a list of class names is needed."),
        ([DOOR, DOOR], "regions: 'door': two regions have this name."),
        ([{"name": "a", "line": SQUARE}], "regions: 'a': a line has two different points."),
        ([{"name": "a", "line": [[0, 0], [0, 0]]}], "regions: 'a': a line has two different points."),
        ([{"name": "a", "line": [[0, 0], [100, 0]]}], "regions: 'a': point 2: [100, 0] is not inside the frame."),
        ([{"name": "a", "line": [[0, 0], [math.nan, 0]]}], "regions: 'a': point 2: [nan, 0] is not inside the frame."),
        ([{"name": "a", "line": [[0, 0], [True, 0]]}], "regions: 'a': point 2: two numbers [x, y] are needed."),
        ([{"name": "a", "line": [[0, 0], "1"]}], "regions: 'a': point 2: two numbers [x, y] are needed."),
        ([{"name": "a", "line": 3}], f"regions: 'a': a list of at most {POINTS_MAX} points [x, y] is needed."),
        (
            [{"name": "a", "polygon": SQUARE[:2]}],
            "regions: 'a': a polygon has at least three points, and this one has 2.",
        ),
        ([{"name": "a", "polygon": [*SQUARE, SQUARE[0]]}], "regions: 'a': points 5 and 1 are the same."),
        ([{"name": "a", "polygon": [[0, 0], [0.5, 0], [1, 0]]}], "regions: 'a': its points are on one line."),
        (
            [{"name": "a", "polygon": [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]}],
            "regions: 'a': the sides after point 1 and after point 3 cross.",
        ),
    ],
)
def test_what_can_not_be_a_region_is_refused(value: Any, words: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{re.escape(words)}"):
        parse_regions(value)


def test_there_is_a_maximum_of_regions() -> None:
    with pytest.raises(InvalidOption, match=f"there are {REGIONS_MAX + 1}, and at most {REGIONS_MAX} are possible"):
        parse_regions([{**DOOR, "name": str(number)} for number in range(REGIONS_MAX + 1)])


@given(
    center=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    radii=st.lists(st.floats(0.05, 0.3), min_size=3, max_size=30),
)
def test_every_star_shaped_polygon_is_accepted(center: tuple[float, float], radii: list[float]) -> None:
    angles = [2 * math.pi * number / len(radii) for number in range(len(radii))]
    points = [
        [center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle)]
        for radius, angle in zip(radii, angles, strict=True)
    ]
    [region] = parse_regions([{"name": "a", "polygon": points}])
    assert len(region.points) == len(radii)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "polygon", "line", "classes", "anchor", "x"]), inner, max_size=4)
    ),
)


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with suppress(InvalidOption):
        regions = parse_regions(value)
        assert parse_regions([region.to_dict() for region in regions]) == regions
