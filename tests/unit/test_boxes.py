"""Tests of the box matching that measures models."""

import pytest

from tests.boxes import Box, count_matches, measure_iou


def make_box(name: str = "Rock", x: float = 50, y: float = 50, confidence: float = 0.9) -> Box:
    return {"class": name, "x": x, "y": y, "width": 40, "height": 40, "confidence": confidence}


@pytest.mark.parametrize(
    ("found", "matches"),
    [
        ([], 0),
        ([make_box()], 1),
        ([make_box(x=55)], 1),
        ([make_box(x=65)], 0),
        ([make_box("Paper")], 0),
        ([make_box(), make_box(x=51)], 1),
        ([make_box(confidence=0.8)], 0),
    ],
    ids=["nothing", "exact", "a little off", "too far off", "another class", "twice", "less sure"],
)
def test_boxes_match_by_class_overlap_and_confidence(found: list[Box], matches: int) -> None:
    assert count_matches([make_box()], found, iou=0.5, confidence=0.05) == matches


def test_each_box_has_at_most_one_partner() -> None:
    expected = [make_box(x=50), make_box(x=60)]
    assert count_matches(expected, [make_box(x=59)], iou=0.5) == 1
    assert count_matches(expected, [make_box(x=59), make_box(x=51)], iou=0.5) == 2


def test_iou_is_intersection_over_union() -> None:
    assert measure_iou(make_box(), make_box()) == 1
    assert measure_iou(make_box(), make_box(x=70)) == pytest.approx(1 / 3)
    assert measure_iou(make_box(), make_box(x=500)) == 0
