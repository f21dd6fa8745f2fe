"""Mask outlines, compared with a simple reading of the prototypes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.outlines import fill_outline
from tests.stand_ins.model_files import make_answer
from tests.unit.videoengine.inference_types.known_answers import (
    BOX,
    COEFFICIENTS,
    CXCYWH,
    FUSED,
    HEIGHT,
    NMS,
    PROTOTYPE_SIDE,
    QUERIES,
    SCORES,
    SELECTED,
    WIDTH,
    infer,
    make_prototypes,
)


@pytest.mark.parametrize(
    ("architecture", "output", "inference"),
    [
        ("yolov8", np.transpose([[*CXCYWH, *SCORES, *COEFFICIENTS]]), NMS),
        ("yolov11", np.transpose([[*CXCYWH, *SCORES, *COEFFICIENTS]]), NMS),
        ("yolov8", [[*SELECTED[0], *COEFFICIENTS]], FUSED),
        ("yolo26", [[*SELECTED[0], *COEFFICIENTS]], {}),
    ],
)
def test_an_outline_encloses_the_sum_of_the_prototypes_in_the_box(
    architecture: str, output: Any, inference: dict[str, Any], tmp_path: Path
) -> None:
    package = make_answer(architecture, "instance-segmentation", output, make_prototypes(), **inference)
    [prediction] = infer(tmp_path, package)["predictions"]
    points = prediction.pop("points")
    assert prediction == BOX
    seen = scale_plainly(mask_plainly(smoothed=architecture != "yolo26"), WIDTH, HEIGHT)
    filled = fill_outline([(int(point["x"]), int(point["y"])) for point in points], (HEIGHT, WIDTH))
    assert (filled == (seen > (0.0 if architecture == "yolo26" else 0.5))).all()


def mask_plainly(*, smoothed: bool) -> NDArray[np.float64]:
    """The box is 12, 10 to 20, 22 in the input, so 3, 2 to 5, 6 in a mask, with halves rounded to even."""
    mask = np.zeros((PROTOTYPE_SIDE, PROTOTYPE_SIDE))
    logits = COEFFICIENTS[0] * make_prototypes()[0]
    mask[2:6, 3:5] = (1 / (1 + np.exp(-logits)) if smoothed else logits)[2:6, 3:5]
    return mask


def scale_plainly(mask: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Scales bilinearly, pixel by pixel."""
    rows, columns = mask.shape
    scaled = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            down = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            along = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(down), int(along)
            corners = mask[top : top + 2, left : left + 2]
            upper = np.interp(along - left, range(corners.shape[1]), corners[0])
            lower = np.interp(along - left, range(corners.shape[1]), corners[-1])
            scaled[y, x] = upper + (lower - upper) * (down - top)
    return scaled


def test_rf_detr_outputs_whole_masks(tmp_path: Path) -> None:
    logits = np.full((2, 8, 8), -4.0)
    logits[0, 0:4, 0:4] = 4.0
    package = make_answer("rfdetr", "instance-segmentation", *QUERIES, logits)
    [prediction] = infer(tmp_path, package)["predictions"]
    points = prediction.pop("points")
    assert prediction == BOX
    # A quarter of the frame, up to where the logit, which falls from 4 to -4 between two mask pixels, is above 0.
    assert (max(point["x"] for point in points), max(point["y"] for point in points)) == (31, 23)
    assert {"x": 0, "y": 0} in points


def test_margins_are_not_part_of_a_mask(tmp_path: Path) -> None:
    everywhere = [[0.0, 0.0, 32.0, 32.0, 0.8, 1.0, 0.0, 6.0]]
    letterboxed = json.loads(make_answer("yolo26", "instance-segmentation")["inference_config.json"])["network_input"]
    package = make_answer(
        "yolo26",
        "instance-segmentation",
        everywhere,
        make_prototypes(),
        network_input=letterboxed | {"resize_mode": "letterbox"},
    )
    [prediction] = infer(tmp_path, package)["predictions"]
    assert prediction["points"] == [{"x": x, "y": y} for x, y in ((0, 0), (63, 0), (63, 47), (0, 47))]


def test_no_detections_are_an_empty_list(tmp_path: Path) -> None:
    package = make_answer("yolo26", "instance-segmentation", [[*SELECTED[0], *COEFFICIENTS]], make_prototypes())
    assert infer(tmp_path, package, confidence=0.81) == {"predictions": []}
