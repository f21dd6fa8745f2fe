"""Detections of one picture, and how the best of many candidates are selected (NMS)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from videoengine.suppression import suppress_overlaps

MAX_DETECTIONS = 300
"""Maximum number of detections in a frame, as in Roboflow's runner."""

Outputs = list[NDArray[np.float32]]
"""All outputs of a network for one picture, without their batch dimension."""


@dataclass(frozen=True)
class Thresholds:
    """What a job asks for: the minimum confidence, and the overlap (IoU) above which NMS drops the weaker box."""

    confidence: float
    iou: float


@dataclass(frozen=True)
class Detections:
    """Detections in one picture, the most confident first.

    Attributes:
        xyxy: (N, 4) corners, pixels.
        confidence: (N,) 0 to 1.
        class_id: (N,) indices into the model's class names.
        extras: (N, E) further outputs for each box, such as mask coefficients or key points.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.intp]
    extras: NDArray[np.float32]

    def select(self, kept: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The detections at the given indices, or where the mask is true."""
        return type(self)(self.xyxy[kept], self.confidence[kept], self.class_id[kept], self.extras[kept])


@dataclass(frozen=True)
class Candidates:
    """Boxes as a network gives them, before any selection.

    Attributes:
        cxcywh: (N, 4) centers and sizes, pixels of the network's input.
        gate: (N,) the score that the confidence threshold applies to.
        class_scores: (N, number of classes).
        extras: (N, E) as in `Detections`.
    """

    cxcywh: NDArray[np.float32]
    gate: NDArray[np.float32]
    class_scores: NDArray[np.float32]
    extras: NDArray[np.float32]


def select_candidates(candidates: Candidates, thresholds: Thresholds) -> Detections:
    """Drops candidates below the threshold, and those that overlap a better one of their class (NMS).

    The best class score ranks the candidates and becomes the confidence.
    """
    passed = candidates.gate > thresholds.confidence
    class_scores = candidates.class_scores[passed]
    class_id = class_scores.argmax(axis=1)
    scores = np.take_along_axis(class_scores, class_id[:, None], axis=1)[:, 0]
    found = Detections(convert_to_corners(candidates.cxcywh[passed]), scores, class_id, candidates.extras[passed])
    return found.select(suppress_overlaps(found.xyxy, scores, class_id, thresholds.iou, MAX_DETECTIONS))


def apply_sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + e^-x), without overflow."""
    return (0.5 * (1.0 + np.tanh(0.5 * logits))).astype(np.float32)


def convert_to_corners(cxcywh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (N, 4) from centers and sizes to corners."""
    half_size = cxcywh[:, 2:] / 2
    return np.concatenate([cxcywh[:, :2] - half_size, cxcywh[:, :2] + half_size], axis=1)
