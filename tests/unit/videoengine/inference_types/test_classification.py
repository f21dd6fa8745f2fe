"""Classification with one label, or with several."""

from pathlib import Path

import numpy as np
import pytest

from tests.stand_ins.model_files import make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    infer,
)


@pytest.mark.parametrize("architecture", ["yolov8", "yolov11", "vit", "resnet"])
def test_a_single_label_is_the_likeliest_class(architecture: str, tmp_path: Path) -> None:
    # e^0 : e^ln(3) is 1 : 3.
    assert infer(tmp_path, make_answer(architecture, "classification", [0.0, np.log(3.0)]), confidence=0.9) == {
        "predictions": [
            {"class": "Rock", "class_id": 1, "confidence": 0.75},
            {"class": "Paper", "class_id": 0, "confidence": 0.25},
        ],
        "top": "Rock",
        "confidence": 0.75,
    }


def test_a_fused_softmax_is_not_applied_again(tmp_path: Path) -> None:
    fused = {"post_processing": {"type": "softmax", "fused": True}}
    found = infer(tmp_path, make_answer("yolov8", "classification", [0.9, 0.1], **fused))
    assert (found["top"], found["confidence"]) == ("Paper", 0.9)


@pytest.mark.parametrize("architecture", ["vit", "resnet"])
def test_multiple_labels_are_those_that_reach_the_threshold(architecture: str, tmp_path: Path) -> None:
    # 1 / (1 + e^-ln(3)) is 3/4.
    assert infer(tmp_path, make_answer(architecture, "multi-label-classification", [np.log(3.0), -np.log(3.0)])) == {
        "predictions": {"Paper": {"confidence": 0.75, "class_id": 0}, "Rock": {"confidence": 0.25, "class_id": 1}},
        "predicted_classes": ["Paper"],
    }


def test_no_label_may_reach_the_threshold(tmp_path: Path) -> None:
    found = infer(tmp_path, make_answer("vit", "multi-label-classification", [-1.0, -1.0]))
    assert found["predicted_classes"] == []
