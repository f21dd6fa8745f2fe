"""Scales masks from the network's resolution to the frame's, with the same rounding as Roboflow's runner."""

import numpy as np
from numpy.typing import NDArray

from videoengine.preprocessing import Placement


def clear_outside(
    masks: NDArray[np.float32], xyxy: NDArray[np.float32], input_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """Sets masks to 0 outside their boxes.

    Args:
        masks: (N, height, width).
        xyxy: (N, 4) corners in pixels of the network's input.
        input_wh: size of the network's input, pixels.
    """
    height, width = masks.shape[1:]
    scale = np.tile([width / input_wh[0], height / input_wh[1]], 2)
    left, top, right, bottom = np.rint(xyxy * scale).T[:, :, np.newaxis]
    columns, rows = np.arange(width), np.arange(height)
    in_columns = (columns >= left) & (columns < right)
    in_rows = (rows >= top) & (rows < bottom)
    cleared: NDArray[np.float32] = masks * (in_rows[:, :, np.newaxis] & in_columns[:, np.newaxis, :])
    return cleared


def cut_margins(mask: NDArray[np.float32], placement: Placement, input_wh: tuple[int, int]) -> NDArray[np.float32]:
    """Cuts off the part of a mask (height, width) that lies on margins; adds zeros where the frame was cropped.

    Args:
        input_wh: size of the network's input, pixels.
    """
    spans = []
    for axis in (1, 0):  # rows first
        scale = mask.shape[1 - axis] / input_wh[axis]
        before = placement.offset_xy[axis]
        after = input_wh[axis] - before - placement.resized_wh[axis]
        spans.append((round(scale * before), round(scale * after)))
    padding = [(max(-before, 0), max(-after, 0)) for before, after in spans]
    cuts = tuple(
        slice(max(before, 0), size - max(after, 0)) for (before, after), size in zip(spans, mask.shape, strict=True)
    )
    return np.pad(mask[cuts], padding)


def scale_mask(
    mask: NDArray[np.float32], resolution_wh: tuple[int, int], threshold: float
) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """Scales a mask bilinearly to the frame's size, and compares it with a threshold.

    Only the part of the frame that can be above the threshold is computed.

    Args:
        mask: (height, width).
        resolution_wh: size of the frame, pixels.
        threshold: at least 0.

    Returns:
        Where the mask is above the threshold, and the upper left corner (x, y) of this part in the frame.
    """
    rows = _Samples(resolution_wh[1], mask.any(axis=1))
    columns = _Samples(resolution_wh[0], mask.any(axis=0))
    upper, lower = mask[rows.first], mask[rows.second]
    stripe = upper + (lower - upper) * rows.weight[:, np.newaxis]
    left, right = stripe[:, columns.first], stripe[:, columns.second]
    return left + (right - left) * columns.weight > threshold, (columns.start, rows.start)


class _Samples:
    """Along one axis: the two mask pixels that each frame pixel is interpolated from, where the mask is not 0.

    Interpolation is between the centers of pixels. Beyond the outermost centers the outermost values apply.
    """

    def __init__(self, pixels: int, occupied: NDArray[np.bool_]) -> None:
        size = len(occupied)
        used = np.flatnonzero(occupied)
        first, last = (int(used[0]), int(used[-1])) if used.size else (0, -2)
        # The influence of a pixel reaches to the centers of its neighbors.
        self.start = max(int((first - 0.5) * pixels / size) - 1, 0)
        stop = min(int((last + 1.5) * pixels / size) + 2, pixels) if used.size else self.start
        places = ((np.arange(self.start, stop) + 0.5) * size / pixels - 0.5).clip(0, size - 1)
        self.first = places.astype(np.intp)
        self.second = np.minimum(self.first + 1, size - 1)
        self.weight = (places - self.first).astype(np.float32)
