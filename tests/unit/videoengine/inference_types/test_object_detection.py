"""Boxes from every family of detectors."""

from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.model_files import make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    BOX,
    COLUMNS,
    FUSED,
    NMS,
    QUERIES,
    SELECTED,
    WITH_OBJECTNESS,
    infer,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "outputs", "inference"),
    [
        ("yolov5", [WITH_OBJECTNESS], NMS),
        ("yolov7", [WITH_OBJECTNESS], NMS),
        ("yolov8", [COLUMNS], NMS),
        ("yolov9", [COLUMNS], NMS),
        ("yolov11", [COLUMNS], NMS),
        ("yolov12", [COLUMNS], NMS),
        ("yolov8", [SELECTED], FUSED),
        ("yolov10", [SELECTED], {}),
        ("yolo26", [SELECTED], {}),
        ("rfdetr", QUERIES, {}),
    ],
)
def test_each_family_of_detectors_finds_the_same_box(
    architecture: str, outputs: Any, inference: dict[str, Any], tmp_path: Path
) -> None:
    found = infer(tmp_path, make_answer(architecture, "object-detection", *outputs, **inference))
    assert found == {"predictions": [BOX]}
