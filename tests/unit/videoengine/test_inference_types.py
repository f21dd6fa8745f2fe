"""Every inference type on one frame, by a network whose answer is known, against a plain reading of that answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tests.outlines import fill_outline
from tests.stand_ins.model_files import SIDE, make_answer
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid

WIDTH, HEIGHT = 64, 48
"""Of the frame; the network's input is 32 x 32, so that a stretched frame's pixels are scaled by 2 and 1.5."""

NMS = {"post_processing": {"type": "nms", "fused": False}}
FUSED = {"post_processing": {"type": "nms", "fused": True}}


def load(folder: Path, package: dict[str, bytes]) -> Detector:
    for name, content in package.items():
        (folder / name).write_bytes(content)
    return Detector(folder)


def infer(folder: Path, package: dict[str, bytes], confidence: float = 0.4) -> Any:
    frame = VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), 100, dtype=np.uint8), format="rgb24")
    element = load(folder, package).detect(frame, Thresholds(confidence, 0.3))
    if isinstance(element, dict):
        assert element.pop("time") >= 0
        assert element.pop("image") == {"width": WIDTH, "height": HEIGHT}
    json.dumps(element)
    return element


# -- object detection ------------------------------------------------------------------------------------------------

CXCYWH, SCORES = (16.0, 16.0, 8.0, 12.0), (0.1, 0.8)
BOX = {"x": 32.0, "y": 24.0, "width": 16.0, "height": 18.0, "confidence": 0.8, "class": "Rock", "class_id": 1}
COLUMNS = np.transpose([[*CXCYWH, *SCORES], [8.0, 8.0, 4.0, 4.0, 0.1, 0.2]])
WITH_OBJECTNESS = [[*CXCYWH, 0.9, *SCORES], [8.0, 8.0, 4.0, 4.0, 0.1, 0.1, 0.2]]
SELECTED = [[12.0, 10.0, 20.0, 22.0, 0.8, 1.0], [0.0] * 6]
# The second one's last logit has no class name.
QUERIES = ([[0.5, 0.5, 0.25, 0.375], [0.2] * 4], [[-5.0, np.log(4.0), -5.0], [-5.0, -5.0, 9.0]])


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


# -- classification --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["yolov8", "yolov11", "vit", "resnet"])
def test_one_label_is_the_likeliest_of_all(architecture: str, tmp_path: Path) -> None:
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
def test_several_labels_are_those_that_reach_the_threshold(architecture: str, tmp_path: Path) -> None:
    # 1 / (1 + e^-ln(3)) is 3/4.
    assert infer(tmp_path, make_answer(architecture, "multi-label-classification", [np.log(3.0), -np.log(3.0)])) == {
        "predictions": {"Paper": {"confidence": 0.75, "class_id": 0}, "Rock": {"confidence": 0.25, "class_id": 1}},
        "predicted_classes": ["Paper"],
    }


def test_no_label_may_apply(tmp_path: Path) -> None:
    found = infer(tmp_path, make_answer("vit", "multi-label-classification", [-1.0, -1.0]))
    assert found["predicted_classes"] == []


# -- key points ------------------------------------------------------------------------------------------------------

KEYPOINTS_METADATA = [
    {"object_class_id": 0, "keypoints": {"0": "tip"}, "edges": []},
    {"object_class_id": 1, "keypoints": {"1": "heel", "0": "toe"}, "edges": [{"from": 0, "to": 1}]},
]
POINTS = [10.0, 10.0, 0.9, 33.0, -1.0, 0.25]
KEYPOINTS = [
    {"x": 20.0, "y": 15.0, "confidence": 0.9, "class_id": 0, "class": "toe"},
    {"x": 66.0, "y": -2.0, "confidence": 0.25, "class_id": 1, "class": "heel"},
]


def with_keypoints(package: dict[str, bytes]) -> dict[str, bytes]:
    return package | {"keypoints_metadata.json": json.dumps(KEYPOINTS_METADATA).encode()}


@pytest.mark.parametrize(
    ("architecture", "output", "inference"),
    [
        ("yolov8", np.transpose([[*CXCYWH, *SCORES, *POINTS]]), NMS),
        ("yolov11", np.transpose([[*CXCYWH, *SCORES, *POINTS]]), NMS),
        ("yolov8", [[*SELECTED[0], *POINTS]], FUSED),
        ("yolo26", [[*SELECTED[0], *POINTS]], {}),
    ],
)
def test_key_points_have_their_names(architecture: str, output: Any, inference: dict[str, Any], tmp_path: Path) -> None:
    package = with_keypoints(make_answer(architecture, "keypoint-detection", output, **inference))
    doubtful = {"x": 0.0, "y": 0.0, "confidence": 0.0} if architecture == "yolo26" else {}
    expected = [KEYPOINTS[0], {**KEYPOINTS[1], **doubtful}]
    assert infer(tmp_path, package) == {"predictions": [{**BOX, "keypoints": expected}]}


def test_a_class_has_no_more_key_points_than_names(tmp_path: Path) -> None:
    of_the_other_class = [*SELECTED[0][:5], 0.0, *POINTS]
    package = with_keypoints(make_answer("yolo26", "keypoint-detection", [of_the_other_class]))
    [prediction] = infer(tmp_path, package)["predictions"]
    assert [point["class"] for point in prediction["keypoints"]] == ["tip"]


# -- instance segmentation -------------------------------------------------------------------------------------------

PROTOTYPE_SIDE = SIDE // 4


def make_prototypes() -> NDArray[np.float64]:
    """The first is positive on the left half, the second everywhere."""
    prototypes = np.ones((2, PROTOTYPE_SIDE, PROTOTYPE_SIDE))
    prototypes[0, :, PROTOTYPE_SIDE // 2 :] = -1
    return prototypes


COEFFICIENTS = [6.0, 0.0]


@pytest.mark.parametrize(
    ("architecture", "output", "inference"),
    [
        ("yolov8", np.transpose([[*CXCYWH, *SCORES, *COEFFICIENTS]]), NMS),
        ("yolov11", np.transpose([[*CXCYWH, *SCORES, *COEFFICIENTS]]), NMS),
        ("yolov8", [[*SELECTED[0], *COEFFICIENTS]], FUSED),
        ("yolo26", [[*SELECTED[0], *COEFFICIENTS]], {}),
    ],
)
def test_an_outline_is_of_what_the_prototypes_add_up_to_in_the_box(
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
    """The box is 12, 10 to 20, 22 in the input, so 3, 2 to 5, 6 in a mask, halves rounded to even."""
    mask = np.zeros((PROTOTYPE_SIDE, PROTOTYPE_SIDE))
    logits = COEFFICIENTS[0] * make_prototypes()[0]
    mask[2:6, 3:5] = (1 / (1 + np.exp(-logits)) if smoothed else logits)[2:6, 3:5]
    return mask


def scale_plainly(mask: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Bilinear, pixel by pixel."""
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


def test_rf_detr_gives_whole_masks(tmp_path: Path) -> None:
    logits = np.full((2, 8, 8), -4.0)
    logits[0, 0:4, 0:4] = 4.0
    package = make_answer("rfdetr", "instance-segmentation", *QUERIES, logits)
    [prediction] = infer(tmp_path, package)["predictions"]
    points = prediction.pop("points")
    assert prediction == BOX
    # A quarter of the frame, to where the logit, falling from 4 to -4 between two pixels of the mask, is above 0.
    assert (max(point["x"] for point in points), max(point["y"] for point in points)) == (31, 23)
    assert {"x": 0, "y": 0} in points


def test_margins_are_no_part_of_a_mask(tmp_path: Path) -> None:
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


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    package = make_answer("yolo26", "instance-segmentation", [[*SELECTED[0], *COEFFICIENTS]], make_prototypes())
    assert infer(tmp_path, package, confidence=0.81) == {"predictions": []}


# -- embeddings ------------------------------------------------------------------------------------------------------


def test_an_embedding_is_a_flat_list(tmp_path: Path) -> None:
    size = {"network_input": {"training_input_size": {"width": SIDE, "height": SIDE}}}
    package = make_answer("clip", "embedding", [0.5, -0.25, 2.0], **size)
    assert infer(tmp_path, package | {"class_names.txt": b""}) == [0.5, -0.25, 2.0]


# -- what does not fit -----------------------------------------------------------------------------------------------


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
