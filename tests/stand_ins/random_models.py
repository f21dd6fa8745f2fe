"""A model package of every family and resize mode, whose network has the same random outputs for every picture.

How outputs are read does not depend on the picture, so readings can be compared without trained weights.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.stand_ins.model_files import make_answer, make_network, make_package

SIDE = 160
CLASSES = ("car", "cat", "cup")
KEYPOINTS = 4
BOXES = 40
COEFFICIENTS = 32
RESIZE_MODES = ("stretch", "letterbox", "center-crop", "fit-longer-edge")

_RAW_NMS = {"type": "nms", "fused": False}
_FUSED_NMS = {
    "type": "nms",
    "fused": True,
    "nms_parameters": {"max_detections": 300, "confidence_threshold": 0.1, "iou_threshold": 0.3, "class_agnostic": 0},
}
_KEYPOINTS_METADATA = [
    # The last class has one keypoint fewer.
    {
        "object_class_id": number,
        "keypoints": {str(k): f"point {k}" for k in range(KEYPOINTS - number // 2)},
        "edges": [],
    }
    for number in range(len(CLASSES))
]

Array = NDArray[np.float64]


class _Answers:
    """Random outputs that are the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def columns(self, extras: Array | None = None) -> Array:
        parts = [self._boxes(), self._scores(), *([] if extras is None else [extras])]
        return np.hstack(parts).T

    def rows(self) -> Array:
        return np.hstack([self._boxes(), self._random.uniform(size=(BOXES, 1)), self._scores()])

    def selected(self, extras: Array | None = None) -> Array:
        boxes = self._boxes()
        confidence = np.sort(self._random.uniform(size=(BOXES, 1)), axis=0)[::-1]
        kind = self._random.integers(0, len(CLASSES), (BOXES, 1))
        corners = np.hstack([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2])
        return np.hstack([corners, confidence, kind, *([] if extras is None else [extras])])

    def queries(self) -> tuple[Array, Array]:
        """The last logit stands for "no class"."""
        return self._boxes() / SIDE, self._random.normal(-2, 2, (BOXES, len(CLASSES) + 1))

    def keypoints(self) -> Array:
        return np.dstack(
            [self._random.uniform(0, SIDE, (BOXES, KEYPOINTS, 2)), self._random.uniform(size=(BOXES, KEYPOINTS, 1))]
        ).reshape(BOXES, -1)

    def coefficients(self) -> Array:
        return self._random.normal(size=(BOXES, COEFFICIENTS))

    def waves(self, count: int) -> Array:
        """Smooth pictures of a quarter of the input's size, with values from -1 to 1."""
        y, x = np.mgrid[0 : SIDE // 4, 0 : SIDE // 4] / (SIDE // 4)
        across, down, shift = self._random.uniform(-1, 3, (3, count, 1, 1))
        pictures: Array = np.sin(6 * (across * x + down * y) + shift)
        return pictures

    def logits(self) -> Array:
        return self._random.normal(0, 2, len(CLASSES))

    def _boxes(self) -> Array:
        return np.hstack([self._random.uniform(20, SIDE - 20, (BOXES, 2)), self._random.uniform(15, 70, (BOXES, 2))])

    def _scores(self) -> Array:
        return self._random.uniform(size=(BOXES, len(CLASSES))) ** 4


_Outputs = Callable[[_Answers], tuple[Array, ...]]
_BOXES: dict[tuple[str, str], tuple[_Outputs, dict[str, Any] | None]] = {
    ("yolov5", "object-detection"): (lambda a: (a.rows(),), _RAW_NMS),
    ("yolov8", "object-detection"): (lambda a: (a.columns(),), _RAW_NMS),
    ("yolov9", "object-detection"): (lambda a: (a.columns(),), _RAW_NMS),
    ("yolov10", "object-detection"): (lambda a: (a.selected(),), _RAW_NMS),
    ("yolov11", "object-detection"): (lambda a: (a.columns(),), _RAW_NMS),
    ("yolov12", "object-detection"): (lambda a: (a.selected(),), _FUSED_NMS),
    ("yolo26", "object-detection"): (lambda a: (a.selected(),), _FUSED_NMS),
    ("rfdetr", "object-detection"): (lambda a: a.queries(), None),
    ("yolov8", "instance-segmentation"): (lambda a: (a.columns(a.coefficients()), a.waves(COEFFICIENTS)), _RAW_NMS),
    ("yolov11", "instance-segmentation"): (lambda a: (a.selected(a.coefficients()), a.waves(COEFFICIENTS)), _FUSED_NMS),
    ("yolo26", "instance-segmentation"): (lambda a: (a.selected(a.coefficients()), a.waves(COEFFICIENTS)), _FUSED_NMS),
    ("rfdetr", "instance-segmentation"): (lambda a: (*a.queries(), 6 * a.waves(BOXES)), None),
    ("yolov8", "keypoint-detection"): (lambda a: (a.columns(a.keypoints()),), _RAW_NMS),
    ("yolov11", "keypoint-detection"): (lambda a: (a.selected(a.keypoints()),), _FUSED_NMS),
    ("yolo26", "keypoint-detection"): (lambda a: (a.selected(a.keypoints()),), _FUSED_NMS),
}
_LABELS: dict[tuple[str, str], str] = {
    ("yolov8", "classification"): "softmax",
    ("yolov11", "classification"): "softmax",
    ("vit", "classification"): "softmax",
    ("resnet", "classification"): "softmax",
    ("vit", "multi-label-classification"): "sigmoid",
    ("resnet", "multi-label-classification"): "sigmoid",
}


def make_random_packages() -> dict[str, dict[str, bytes]]:
    """Makes each package's files by name, by `<architecture> <task_type> <resize_mode>`."""
    packages = {}
    for seed, ((architecture, task_type), (answer, post_processing)) in enumerate(_BOXES.items()):
        for number, resize_mode in enumerate(RESIZE_MODES):
            outputs = answer(_Answers(100 * seed + number))
            files = _make_files(architecture, task_type, outputs, resize_mode, post_processing)
            packages[f"{architecture} {task_type} {resize_mode}"] = files
    for seed, ((architecture, task_type), activation) in enumerate(_LABELS.items()):
        files = _make_files(
            architecture, task_type, (_Answers(seed).logits(),), "stretch", {"type": activation, "fused": False}
        )
        packages[f"{architecture} {task_type} stretch"] = files
    return packages


def make_packages_of_every_type() -> dict[str, dict[str, bytes]]:
    """Makes one package's files by name for each `task_type`."""
    packages = make_random_packages()
    names = {
        "object-detection": "yolov8 object-detection stretch",
        "instance-segmentation": "yolov8 instance-segmentation stretch",
        "keypoint-detection": "yolov8 keypoint-detection stretch",
        "classification": "resnet classification stretch",
    }
    return {task_type: packages[name] for task_type, name in names.items()} | {
        "multi-label-classification": make_answer("resnet", "multi-label-classification", [2.0, -2.0]),
        "embedding": make_answer("clip", "embedding", [0.6, -0.8, 0.0]),
    }


def _make_files(
    architecture: str,
    task_type: str,
    outputs: tuple[Array, ...],
    resize_mode: str,
    post_processing: dict[str, Any] | None,
) -> dict[str, bytes]:
    size = {"width": SIDE, "height": SIDE}
    files = make_package(training_input_size=size, resize_mode=resize_mode, padding_value=114)
    inference = json.loads(files["inference_config.json"]) | {"post_processing": post_processing}
    model = {"model_architecture": architecture, "task_type": task_type, "backend_type": "onnx"}
    answers = [(output[np.newaxis], np.zeros_like(output)[np.newaxis]) for output in outputs]
    files |= {
        "weights.onnx": make_network(answers, (1, 3, SIDE, SIDE)),
        "class_names.txt": "\n".join(CLASSES).encode(),
        "inference_config.json": json.dumps(inference).encode(),
        "model_config.json": json.dumps(model).encode(),
    }
    if task_type == "keypoint-detection":
        files["keypoints_metadata.json"] = json.dumps(_KEYPOINTS_METADATA).encode()
    return files
