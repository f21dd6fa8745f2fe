"""Compares predicted boxes with expected ones."""

from collections.abc import Sequence
from typing import Any

Box = dict[str, Any]
"""A prediction in the API's format: x and y are the center; all values are in pixels."""


def count_matches(expected: Sequence[Box], found: Sequence[Box], *, iou: float, confidence: float = 1.0) -> int:
    """Counts the boxes in `expected` that have a partner in `found`; see `match_boxes`."""
    return len(match_boxes(expected, found, iou=iou, confidence=confidence))


def match_boxes(
    expected: Sequence[Box], found: Sequence[Box], *, iou: float, confidence: float = 1.0
) -> list[tuple[Box, Box]]:
    """Pairs boxes of `expected` and `found`, best overlap first; each box has at most one partner.

    Args:
        iou: The least overlap (intersection over union, 0 to 1) of a pair.
        confidence: The greatest difference in confidence of a pair. Both boxes also have the same class.
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
    """Measures intersection over union, 0 to 1."""
    across, down = _measure_overlap(one, other, "x", "width"), _measure_overlap(one, other, "y", "height")
    areas: float = one["width"] * one["height"] + other["width"] * other["height"]
    return across * down / (areas - across * down)


def _measure_overlap(one: Box, other: Box, center: str, side: str) -> float:
    ends: float = min(box[center] + box[side] / 2 for box in (one, other))
    starts: float = max(box[center] - box[side] / 2 for box in (one, other))
    return max(0.0, ends - starts)
