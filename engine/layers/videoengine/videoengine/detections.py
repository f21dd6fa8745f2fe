"""From a YOLO network's raw output to detections."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videoengine.suppression import suppress_overlaps

MAX_DETECTIONS = 300
"""Detections a frame, as in Roboflow's runner."""


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best first.

    Attributes:
        xyxy: (N, 4) corners, pixels.
        confidence: (N,) 0 to 1.
        class_id: (N,) indices into the model's class names.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.intp]


@dataclass(frozen=True)
class Candidates:
    """A network's raw output, read.

    Attributes:
        cxcywh: (N, 4) centres and sizes, pixels of the network's input.
        gate: (N,) what the confidence threshold applies to.
        class_scores: (N, number of classes).
    """

    cxcywh: NDArray[np.float32]
    gate: NDArray[np.float32]
    class_scores: NDArray[np.float32]


def read_with_objectness(output: NDArray[np.float32]) -> Candidates:
    """YOLOv5: rows of cx, cy, w, h, objectness, scores. The threshold is on objectness, as in Roboflow's runner."""
    return Candidates(output[:, :4], output[:, 4], output[:, 5:])


def read_without_objectness(output: NDArray[np.float32]) -> Candidates:
    """YOLOv8 and later: columns of cx, cy, w, h, scores. The threshold is on the best class score."""
    return Candidates(output[:4].T, output[4:].max(axis=0), output[4:].T)


READERS: dict[str, Callable[[NDArray[np.float32]], Candidates]] = {
    "yolov5": read_with_objectness,
    "yolov8": read_without_objectness,
    "yolov9": read_without_objectness,
    "yolov11": read_without_objectness,
    "yolov12": read_without_objectness,
}
"""By model architecture, as `model_config.json` names it."""


def select_detections(candidates: Candidates, confidence: float, iou_threshold: float) -> Detections:
    """Keeps what passes the threshold and is not an overlap of something better in its class.

    The confidence reported, and what overlaps are ranked by, is the best class score.
    """
    passed = candidates.gate > confidence
    class_scores = candidates.class_scores[passed]
    class_id = class_scores.argmax(axis=1)
    scores = np.take_along_axis(class_scores, class_id[:, None], axis=1)[:, 0]
    center, half_size = candidates.cxcywh[passed, :2], candidates.cxcywh[passed, 2:] / 2
    xyxy = np.concatenate([center - half_size, center + half_size], axis=1)
    kept = suppress_overlaps(xyxy, scores, class_id, iou_threshold, MAX_DETECTIONS)
    return Detections(xyxy[kept], scores[kept], class_id[kept])
