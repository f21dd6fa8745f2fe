"""From a detecting network's raw outputs to detections: one way to read them a family."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import CLASS_NAMES, WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.suppression import suppress_overlaps

MAX_DETECTIONS = 300
"""Detections a frame, as in Roboflow's runner."""

Outputs = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Thresholds:
    """What a job asks for: the least confidence, and the overlap (IoU) above which the weaker box goes."""

    confidence: float
    iou: float


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    Attributes:
        xyxy: (N, 4) corners, pixels.
        confidence: (N,) 0 to 1.
        class_id: (N,) indices into the model's class names.
        extras: (N, E) what the network says of each beside that: mask coefficients, key points.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.intp]
    extras: NDArray[np.float32]

    def select(self, kept: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Those at some indices, or where a mask is true."""
        return type(self)(self.xyxy[kept], self.confidence[kept], self.class_id[kept], self.extras[kept])


@dataclass(frozen=True)
class Candidates:
    """A network's raw output, read.

    Attributes:
        cxcywh: (N, 4) centres and sizes, pixels of the network's input.
        gate: (N,) what the confidence threshold applies to.
        class_scores: (N, number of classes).
        extras: (N, E) as in `Detections`.
    """

    cxcywh: NDArray[np.float32]
    gate: NDArray[np.float32]
    class_scores: NDArray[np.float32]
    extras: NDArray[np.float32]


def read_with_objectness(output: NDArray[np.float32], classes: int) -> Candidates:
    """YOLOv5: rows of cx, cy, w, h, objectness, scores. The threshold is on objectness, as in Roboflow's runner."""
    return Candidates(output[:, :4], output[:, 4], output[:, 5 : 5 + classes], output[:, 5 + classes :])


def read_without_objectness(output: NDArray[np.float32], classes: int) -> Candidates:
    """YOLOv8 and later: columns of cx, cy, w, h, scores, extras. The threshold is on the best class score."""
    scores = output[4 : 4 + classes]
    return Candidates(output[:4].T, scores.max(axis=0), scores.T, output[4 + classes :].T)


def find_candidates(candidates: Candidates, thresholds: Thresholds) -> Detections:
    """Keeps what passes the threshold and is not an overlap of something better in its class.

    The confidence reported, and what overlaps are ranked by, is the best class score.
    """
    passed = candidates.gate > thresholds.confidence
    class_scores = candidates.class_scores[passed]
    class_id = class_scores.argmax(axis=1)
    scores = np.take_along_axis(class_scores, class_id[:, None], axis=1)[:, 0]
    found = Detections(_corners(candidates.cxcywh[passed]), scores, class_id, candidates.extras[passed])
    return found.select(suppress_overlaps(found.xyxy, scores, class_id, thresholds.iou, MAX_DETECTIONS))


def find_fused(output: NDArray[np.float32], thresholds: Thresholds) -> Detections:
    """Networks that end in their own selection: rows of x1, y1, x2, y2, confidence, class, extras."""
    rows = output[output[:, 4] >= thresholds.confidence]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")][:MAX_DETECTIONS]
    return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:])


def find_queries(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """RF-DETR: boxes (Q, 4) as cx, cy, w, h in shares of the input, and logits (Q, C); a query may be of two classes.

    `extras` is the query's number. As in Roboflow's runner, the Q best scores are looked at, of which those without a
    class name, and those of removed classes, are nobody's.
    """
    boxes, logits = outputs[:2]
    scores = apply_sigmoid(logits)
    best = np.argsort(-scores, axis=None, kind="stable")[: len(boxes)]
    query, kind = np.unravel_index(best[scores.reshape(-1)[best] > thresholds.confidence], scores.shape)
    named = [number for number, name in enumerate(package.class_names) if name not in package.removed_class_names]
    is_named = np.isin(kind, named)
    query, kind = query[is_named], kind[is_named]
    size = np.tile([package.network_input.width, package.network_input.height], 2).astype(np.float32)
    return Detections(
        _corners(boxes[query] * size),
        scores[query, kind],
        kind,
        query[:, np.newaxis].astype(np.float32),
    )


def find_detections(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """What a detecting network found, in pixels of its input."""
    if package.architecture == "rfdetr":
        return find_queries(outputs, package, thresholds)
    if package.fused:
        return find_fused(outputs[0], thresholds)
    return find_candidates(_READERS[package.architecture](outputs[0], len(package.class_names)), thresholds)


_READERS: dict[str, Callable[[NDArray[np.float32], int], Candidates]] = {
    "yolov5": read_with_objectness,
    "yolov7": read_with_objectness,
    "yolov8": read_without_objectness,
    "yolov9": read_without_objectness,
    "yolov11": read_without_objectness,
    "yolov12": read_without_objectness,
}


def is_threshold_on_objectness(package: ModelPackage) -> bool:
    """Whether the confidence threshold applies to objectness, so that the confidences of what passes may be lower."""
    return not package.fused and _READERS.get(package.architecture) is read_with_objectness


def check_shapes(package: ModelPackage, shapes: list[Shape], extras: int = 0) -> None:
    """Tells weights that don't belong to the package, before they give nonsense.

    Args:
        extras: values a box beside its place and its classes.

    Raises:
        ModelPackageInvalid: the outputs have another shape.
    """
    classes = len(package.class_names)
    if package.architecture == "rfdetr":
        fits = len(shapes) >= 2 and shapes[0][-1:] == (4,) and shapes[1][-1] >= classes
        expected = "outputs of 4 values and at least one logit a class"
    else:
        axis, values = _box_axis(package)
        fits = len(shapes[0]) == 2 and shapes[0][axis] in (values + extras, -1)
        expected = f"{values + extras} values a box"
    if not fits:
        given = ", ".join(" x ".join(map(str, shape)) for shape in shapes)
        raise ModelPackageInvalid(
            f"{WEIGHTS} gives outputs of {given}, but {package.architecture} with {classes} classes has {expected}: "
            f"do {CLASS_NAMES} and the weights match?"
        )


def _box_axis(package: ModelPackage) -> tuple[int, int]:
    """Along which axis a box's values lie, and how many there are without extras."""
    if package.fused:
        return 1, 6
    if is_threshold_on_objectness(package):
        return 1, 5 + len(package.class_names)
    return 0, 4 + len(package.class_names)


def apply_sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + e^-x), without overflow."""
    return (0.5 * (1.0 + np.tanh(0.5 * logits))).astype(np.float32)


def _corners(cxcywh: NDArray[np.float32]) -> NDArray[np.float32]:
    half_size = cxcywh[:, 2:] / 2
    return np.concatenate([cxcywh[:, :2] - half_size, cxcywh[:, :2] + half_size], axis=1)
