"""Keypoints and their names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stand_ins.model_files import make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    BOX,
    CXCYWH,
    FUSED,
    NMS,
    SCORES,
    SELECTED,
    infer,
    with_keypoints,
)

POINTS = [10.0, 10.0, 0.9, 33.0, -1.0, 0.25]

KEYPOINTS = [
    {"x": 20.0, "y": 15.0, "confidence": 0.9, "class_id": 0, "class": "toe"},
    {"x": 66.0, "y": -2.0, "confidence": 0.25, "class_id": 1, "class": "heel"},
]


@pytest.mark.parametrize(
    ("architecture", "output", "inference"),
    [
        ("yolov8", np.transpose([[*CXCYWH, *SCORES, *POINTS]]), NMS),
        ("yolov11", np.transpose([[*CXCYWH, *SCORES, *POINTS]]), NMS),
        ("yolov8", [[*SELECTED[0], *POINTS]], FUSED),
        ("yolo26", [[*SELECTED[0], *POINTS]], {}),
    ],
)
def test_keypoints_have_their_names(architecture: str, output: Any, inference: dict[str, Any], tmp_path: Path) -> None:
    package = with_keypoints(make_answer(architecture, "keypoint-detection", output, **inference))
    doubtful = {"x": 0.0, "y": 0.0, "confidence": 0.0} if architecture == "yolo26" else {}
    expected = [KEYPOINTS[0], {**KEYPOINTS[1], **doubtful}]
    assert infer(tmp_path, package) == {"predictions": [{**BOX, "keypoints": expected}]}


def test_a_class_has_no_more_keypoints_than_names(tmp_path: Path) -> None:
    of_the_other_class = [*SELECTED[0][:5], 0.0, *POINTS]
    package = with_keypoints(make_answer("yolo26", "keypoint-detection", [of_the_other_class]))
    [prediction] = infer(tmp_path, package)["predictions"]
    assert [point["class"] for point in prediction["keypoints"]] == ["tip"]
