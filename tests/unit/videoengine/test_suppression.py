"""Non-maximum suppression, compared with a simple rule, box by box."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.suppression import suppress_overlaps

Box = tuple[float, float, float, float]


def iou(one: Box, other: Box) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - width * height
    return width * height / union if union else 0.0


def suppress_plainly(boxes: list[Box], scores: list[float], classes: list[int], threshold: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda index: -scores[index]):
        rivals = [other for other in kept if classes[other] == classes[index]]
        if all(iou(boxes[index], boxes[other]) <= threshold for other in rivals):
            kept.append(index)
    return kept


def suppress(boxes: list[Box], scores: list[float], classes: list[int], threshold: float, limit: int) -> list[int]:
    kept = suppress_overlaps(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(scores, dtype=np.float32),
        np.array(classes, dtype=np.intp),
        threshold,
        limit,
    )
    return [int(index) for index in kept]


# Whole pixels, and thresholds that no ratio of small areas equals, so that float32 and float64 decide alike.
BOXES = st.builds(
    lambda x, y, width, height: (float(x), float(y), float(x + width), float(y + height)),
    *[st.integers(0, 20)] * 4,
)


@given(
    st.lists(st.tuples(BOXES, st.integers(0, 8).map(lambda eighths: eighths / 8), st.integers(0, 2)), max_size=25),
    st.sampled_from([0.10007, 0.30007, 0.50007, 0.90007]),
)
def test_suppression_agrees_with_the_simple_rule(found: list[tuple[Box, float, int]], threshold: float) -> None:
    boxes, scores, classes = [entry[0] for entry in found], [entry[1] for entry in found], [entry[2] for entry in found]
    expected = suppress_plainly(boxes, scores, classes, threshold)
    assert suppress(boxes, scores, classes, threshold, limit=1000) == expected
    assert suppress(boxes, scores, classes, threshold, limit=3) == expected[:3]


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.49, [0]), (0.5, [0, 1])], ids=["above drops", "the threshold itself keeps"]
)
def test_boxes_may_overlap_up_to_the_threshold(threshold: float, expected: list[int]) -> None:
    assert suppress([(0, 0, 10, 10), (0, 0, 10, 5)], [0.9, 0.8], [0, 0], threshold, limit=10) == expected


def test_classes_do_not_suppress_each_other() -> None:
    assert suppress([(0, 0, 10, 10), (0, 0, 10, 10)], [0.8, 0.9], [0, 1], 0.3, limit=10) == [1, 0]


def test_no_boxes_give_no_boxes() -> None:
    assert suppress([], [], [], 0.3, limit=10) == []
