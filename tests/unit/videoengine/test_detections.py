"""The meaning of raw outputs by architecture: Roboflow's rules for thresholds and confidences."""

import json
from typing import Any

import numpy as np
import pytest

from tests.stand_ins.model_files import make_package
from videoengine.detections import MAX_DETECTIONS, Detections, Thresholds
from videoengine.families.layouts import find_detections
from videoengine.model_packages import ModelPackage, parse_package


def make_detector_package(architecture: str, classes: int, **inference: Any) -> ModelPackage:
    files = make_package()
    described = json.loads(files["inference_config.json"]) | inference
    changes = {
        "model_config.json": json.dumps(json.loads(files["model_config.json"]) | {"model_architecture": architecture}),
        "class_names.txt": "\n".join(f"class {number}" for number in range(classes)),
        "inference_config.json": json.dumps(described),
    }
    return parse_package(files | {name: content.encode() for name, content in changes.items()})


def detect(architecture: str, rows: list[list[float]], confidence: float = 0.4, iou: float = 0.3) -> Detections:
    output = np.array(rows, dtype=np.float32)
    classes = output.shape[1] - 5 if architecture in ("yolov5", "yolov7") else output.shape[0] - 4
    return find_detections([output], make_detector_package(architecture, classes), Thresholds(confidence, iou))


@pytest.mark.parametrize("architecture", ["yolov5", "yolov7"])
def test_with_objectness_the_threshold_applies_to_it_and_the_confidence_is_the_class_score(architecture: str) -> None:
    found = detect(
        architecture,
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
def test_without_objectness_the_best_class_score_is_threshold_and_confidence(architecture: str) -> None:
    rows = [[50, 40, 20, 10, 0.1, 0.41], [150, 40, 20, 10, 0.39, 0.2], [250, 40, 20, 10, 0.7, 0.6]]
    found = detect(architecture, [list(column) for column in zip(*rows, strict=True)])
    assert found.class_id.tolist() == [0, 1]
    assert found.confidence.tolist() == [pytest.approx(0.7), pytest.approx(0.41)]
    assert found.xyxy[0].tolist() == [240, 35, 260, 45]


def test_a_score_at_the_threshold_does_not_pass() -> None:
    assert detect("yolov8", [[5.0], [5.0], [2.0], [2.0], [0.5]], confidence=0.5).confidence.size == 0


def test_at_most_the_three_hundred_best_boxes_are_kept() -> None:
    scores = np.linspace(0.5, 0.9, 400)
    columns = [np.arange(400) * 100, np.full(400, 50), np.full(400, 10), np.full(400, 10), scores]
    found = detect("yolov8", [column.tolist() for column in columns])
    assert found.confidence.size == MAX_DETECTIONS
    assert found.confidence.min() == pytest.approx(np.sort(scores)[-MAX_DETECTIONS], abs=1e-6)


FUSED_ROWS = [
    # x1, y1, x2, y2, confidence, class
    [10.0, 20.0, 30.0, 40.0, 0.5, 1.0],
    [10.0, 20.0, 30.0, 40.0, 0.9, 1.0],
    [50.0, 60.0, 70.0, 80.0, 0.3, 0.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
]


@pytest.mark.parametrize(
    ("architecture", "inference"),
    [
        ("yolov8", {"post_processing": {"type": "nms", "fused": True}}),
        ("yolov12", {"post_processing": {"type": "nms", "fused": True}}),
        ("yolov5", {"post_processing": {"type": "nms", "fused": True}}),
        ("yolov10", {}),
        ("yolo26", {}),
        ("yolo26", {"post_processing": None}),
    ],
)
def test_only_the_threshold_applies_to_boxes_that_the_network_selected(
    architecture: str, inference: dict[str, Any]
) -> None:
    package = make_detector_package(architecture, 2, **inference)
    found = find_detections([np.array(FUSED_ROWS, dtype=np.float32)], package, Thresholds(0.4, 0.3))
    assert found.xyxy.tolist() == [[10, 20, 30, 40]] * 2
    assert found.confidence.tolist() == [pytest.approx(0.9), pytest.approx(0.5)]
    assert found.class_id.tolist() == [1, 1]


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def test_rf_detr_outputs_fractions_of_the_input_and_logits() -> None:
    package = make_detector_package(
        "rfdetr",
        3,
        post_processing=None,
        class_names_operations=[{"type": "class_name_removal", "class_name": "class 0"}],
    )
    boxes = np.array([[0.5, 0.5, 0.25, 0.5], *[[0.25, 0.75, 0.5, 0.5]] * 3], dtype=np.float32)
    probabilities = [[0.99, 0.6, 0.7, 0.99], *[[0.1, 0.2, 0.3, 0.1]] * 3]
    logits = np.array([[logit(value) for value in row] for row in probabilities], dtype=np.float32)
    found = find_detections([boxes, logits], package, Thresholds(0.4, 0.3))
    # The input is 32 x 32; the first class is dropped, and the fourth logit has no name.
    assert found.xyxy.tolist() == [[12, 8, 20, 24]] * 2
    assert found.confidence.tolist() == [pytest.approx(0.7), pytest.approx(0.6)]
    assert found.class_id.tolist() == [2, 1]
