"""Non-maximum suppression, per class."""

import numpy as np
from numpy.typing import NDArray


def suppress_overlaps(
    xyxy: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_id: NDArray[np.intp],
    iou_threshold: float,
    max_detections: int,
) -> NDArray[np.intp]:
    """Selects boxes greedily, best score first.

    A box is dropped if it overlaps a kept box of its class by more than `iou_threshold`.

    Args:
        xyxy: (N, 4) corners.
        scores, class_id: (N,).
        iou_threshold: intersection over union, 0 to 1.
        max_detections: maximum number of boxes to keep.

    Returns:
        Indices of the kept boxes, best score first. Of equal scores the earlier box comes first.
    """
    areas = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    remaining = np.argsort(-scores, kind="stable")
    kept: list[np.intp] = []
    while remaining.size and len(kept) < max_detections:
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        upper_left = np.maximum(xyxy[best, :2], xyxy[remaining, :2])
        lower_right = np.minimum(xyxy[best, 2:], xyxy[remaining, 2:])
        intersection = (lower_right - upper_left).clip(min=0).prod(axis=1)
        union = areas[best] + areas[remaining] - intersection
        # Multiply instead of dividing, because the union of boxes without area is 0.
        overlaps = (intersection > iou_threshold * union) & (class_id[remaining] == class_id[best])
        remaining = remaining[~overlaps]
    return np.array(kept, dtype=np.intp)
