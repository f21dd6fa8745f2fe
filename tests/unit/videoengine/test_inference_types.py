"""Outputs that don't fit their inference type are refused, for every type."""

from pathlib import Path

import pytest

from tests.stand_ins.model_files import make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    COLUMNS,
    QUERIES,
    SELECTED,
    load,
    make_prototypes,
    with_keypoints,
)
from videoengine.errors import ModelPackageInvalid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "message"),
    [
        (make_answer("yolov5", "object-detection", COLUMNS), "has 7 values a box"),
        (make_answer("yolo26", "object-detection", [[*SELECTED[0], 1.0]]), "has 6 values a box"),
        (make_answer("rfdetr", "object-detection", [[0.0] * 4]), "at least one logit a class"),
        (make_answer("vit", "classification", [1.0, 2.0, 3.0]), "class_names.txt names 2 classes"),
        (make_answer("clip", "embedding", [[1.0]]), "must give one vector a picture"),
        (make_answer("yolov8", "instance-segmentation", COLUMNS), "gives no masks: output 2 must have three"),
        (make_answer("rfdetr", "instance-segmentation", *QUERIES), "gives no masks: output 3 must have three"),
        (make_answer("yolov8", "instance-segmentation", COLUMNS, make_prototypes()), "has 8 values a box"),
        (with_keypoints(make_answer("yolov8", "keypoint-detection", COLUMNS)), "has 12 values a box"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(package: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelPackageInvalid, match=message):
        load(tmp_path, package)
