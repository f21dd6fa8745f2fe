"""Outlines, compared with a simple flood fill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.outlines import fill_outline
from videoengine.contours import trace_largest_contour

Mask = NDArray[np.bool_]


def draw(*rows: str) -> Mask:
    return np.array([[cell == "#" for cell in row] for row in rows])


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (draw("...", "..."), []),
        (draw("...", ".#."), [[1, 1]]),
        (draw(".##", "..."), [[1, 0], [2, 0]]),
        (draw("####", "####", "####"), [[0, 0], [3, 0], [3, 2], [0, 2]]),
        (draw(".#.", "###", ".#."), [[1, 0], [2, 1], [1, 2], [0, 1]]),
        (draw("#...", "..##", "..##"), [[2, 1], [3, 1], [3, 2], [2, 2]]),
        (draw("####", "#..#", "####"), [[0, 0], [3, 0], [3, 2], [0, 2]]),
        (draw("#..", ".#.", "..#"), [[0, 0], [2, 2]]),
    ],
    ids=["nothing", "a pixel", "a line", "a block", "a diamond", "the larger of two", "no hole", "over corners"],
)
def test_an_outline_consists_of_the_pixels_where_the_border_turns(mask: Mask, expected: list[list[int]]) -> None:
    assert trace_largest_contour(mask).tolist() == expected


@given(
    st.integers(1, 9).flatmap(
        lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=9)
    )
)
def test_a_filled_outline_is_one_part_with_its_holes(rows: list[list[bool]]) -> None:
    mask = np.array(rows)
    contour = trace_largest_contour(mask)
    filled = [fill_holes(part) for part in find_parts(mask)]
    if not filled:
        assert contour.size == 0
        return
    outline = [(int(x), int(y)) for x, y in contour]
    assert any((fill_outline(outline, part.shape) == part).all() for part in filled)


def find_parts(mask: Mask) -> list[Mask]:
    """The parts of a mask, connected across edges and corners."""
    left = mask.copy()
    parts = []
    while left.any():
        y, x = np.argwhere(left)[0]
        part = flood(left, int(y), int(x), corners=True)
        parts.append(part)
        left &= ~part
    return parts


def fill_holes(part: Mask) -> Mask:
    outside = flood(~np.pad(part, 1), 0, 0, corners=False)
    return ~outside[1:-1, 1:-1]


def flood(mask: Mask, y: int, x: int, *, corners: bool) -> Mask:
    reached = np.zeros_like(mask)
    todo = [(y, x)]
    while todo:
        y, x = todo.pop()
        if not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]) or not mask[y, x] or reached[y, x]:
            continue
        reached[y, x] = True
        todo += [
            (y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy or dx) and (corners or not (dy and dx))
        ]
    return reached
