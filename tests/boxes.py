"""Boxes against boxes: what one says of a picture, compared with what another says of it."""

from collections.abc import Sequence
from typing import Any

Box = dict[str, Any]
"""A prediction as the API writes it: x and y are the centre, all in pixels."""


def count_matches(expected: Sequence[Box], found: Sequence[Box], *, iou: float, confidence: float = 1.0) -> int:
    """How many of `expected` have a partner in `found`."""
    return len(match_boxes(expected, found, iou=iou, confidence=confidence))


def match_boxes(
    expected: Sequence[Box], found: Sequence[Box], *, iou: float, confidence: float = 1.0
) -> list[tuple[Box, Box]]:
    """Each of `expected` that has a partner of its own in `found`, and that: of the same class, with at least `iou` of
    overlap and at most `confidence` of difference in confidence. The best overlap is taken first.
    """
    pairs = sorted(
        (
            (-measure_iou(one, other), index, other_index)
            for index, one in enumerate(expected)
            for other_index, other in enumerate(found)
            if one["class"] == other["class"]
            and abs(one.get("confidence", 0) - other.get("confidence", 0)) <= confidence
            and measure_iou(one, other) >= iou
        ),
    )
    matched: set[int] = set()
    taken: set[int] = set()
    partners = []
    for _, index, other_index in pairs:
        if index not in matched and other_index not in taken:
            matched.add(index)
            taken.add(other_index)
            partners.append((expected[index], found[other_index]))
    return partners


def measure_iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    across, down = _measure_overlap(one, other, "x", "width"), _measure_overlap(one, other, "y", "height")
    areas: float = one["width"] * one["height"] + other["width"] * other["height"]
    return across * down / (areas - across * down)


def _measure_overlap(one: Box, other: Box, centre: str, side: str) -> float:
    ends: float = min(box[centre] + box[side] / 2 for box in (one, other))
    starts: float = max(box[centre] - box[side] / 2 for box in (one, other))
    return max(0.0, ends - starts)
