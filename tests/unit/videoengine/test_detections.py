"""What a raw output means, by architecture: Roboflow's rules on threshold and confidence."""

import numpy as np
import pytest

from videoengine.detections import MAX_DETECTIONS, READERS, Detections, select_detections
from videoengine.model_packages import ARCHITECTURES


def detect(architecture: str, rows: list[list[float]], confidence: float = 0.4, iou: float = 0.3) -> Detections:
    output = np.array(rows, dtype=np.float32)
    return select_detections(READERS[architecture](output), confidence, iou)


def test_every_architecture_has_a_reader() -> None:
    assert set(READERS) == set(ARCHITECTURES)


def test_with_objectness_the_threshold_is_on_objectness_and_the_confidence_the_class_score() -> None:
    found = detect(
        "yolov5",
        [
            # cx, cy, w, h, objectness, class scores
            [50, 40, 20, 10, 0.41, 0.10, 0.20],
            [150, 40, 20, 10, 0.39, 0.99, 0.20],
        ],
    )
    assert found.xyxy.tolist() == [[40, 35, 60, 45]]
    assert found.confidence.tolist() == [pytest.approx(0.20)]
    assert found.class_id.tolist() == [1]


def test_with_objectness_overlaps_are_ranked_by_the_class_score() -> None:
    found = detect("yolov5", [[50, 40, 20, 10, 0.9, 0.5, 0.0], [51, 40, 20, 10, 0.5, 0.9, 0.0]])
    assert found.confidence.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize("architecture", ["yolov8", "yolov9", "yolov11", "yolov12"])
def test_without_objectness_all_is_by_the_best_class_score(architecture: str) -> None:
    rows = [[50, 40, 20, 10, 0.1, 0.41], [150, 40, 20, 10, 0.39, 0.2], [250, 40, 20, 10, 0.7, 0.6]]
    found = detect(architecture, [list(column) for column in zip(*rows, strict=True)])
    assert found.class_id.tolist() == [0, 1]
    assert found.confidence.tolist() == [pytest.approx(0.7), pytest.approx(0.41)]
    assert found.xyxy[0].tolist() == [240, 35, 260, 45]


def test_a_score_at_the_threshold_does_not_pass() -> None:
    assert detect("yolov8", [[5.0], [5.0], [2.0], [2.0], [0.5]], confidence=0.5).confidence.size == 0


def test_at_most_three_hundred_and_the_best_of_them() -> None:
    scores = np.linspace(0.5, 0.9, 400)
    columns = [np.arange(400) * 100, np.full(400, 50), np.full(400, 10), np.full(400, 10), scores]
    found = detect("yolov8", [column.tolist() for column in columns])
    assert found.confidence.size == MAX_DETECTIONS
    assert found.confidence.min() == pytest.approx(np.sort(scores)[-MAX_DETECTIONS], abs=1e-6)
