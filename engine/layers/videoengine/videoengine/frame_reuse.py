"""Still footage: a frame that doesn't differ visibly from the last inferred one repeats its predictions."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.detections import Thresholds
from videoengine.detector import Detector, Element, PendingElement
from videoengine.preprocessing import Placement
from videoengine.segments import SampledFrame

BLOCK = 8
"""Side of the compared blocks, pixels of the network's input. What a network finds is hardly smaller."""

MIN_BLOCKS = 28
"""The shorter side of an input has at least this many blocks, which are smaller for that in inputs below 224 pixels: a
classifier of small pictures looks at smaller things."""

MAX_DIFFERENCE = 5
"""Levels, 0 to 255. A frame is still if no block's mean level differs by more, in no color channel."""

DIM_LEVEL = 64
"""If a picture's mean level is lower, `MAX_DIFFERENCE` is lower in proportion: networks find objects in the dark."""

MAX_REPEAT_SECONDS = 10.0
"""A frame that is this much later than the last inferred one is inferred, whatever it shows."""

REPEATED_FROM = "repeated_from"
"""The field that marks a repeated element: the `frame_offset` of the frame whose predictions it repeats."""

type BlockSums = NDArray[np.uint16]
"""(rows, columns, 3): the sum of the levels of each block. Blocks at the right and lower edge may be smaller."""


class FrameReuse:
    """Runs a model on the frames of one segment, and repeats predictions while the picture is still.

    A frame is compared with the last inferred one, not with the one before it, so that slow changes add up. It is
    compared as the network sees it.

    Example:
        reuse = FrameReuse(detector, thresholds)
        pending = [reuse.start(picture, frame) for frame, picture in decoded]
        elements = [finish() for finish in pending]
    """

    def __init__(self, detector: Detector, thresholds: Thresholds) -> None:
        self._detector, self._thresholds = detector, thresholds
        self._inferred: _SeenFrame | None = None
        self._element: Element = None

    def start(self, picture: VideoFrame, frame: SampledFrame) -> PendingElement:
        """Starts the inference of a frame, unless it is still.

        Start frames in presentation order, and finish them in the order in which they were started.
        """
        started = time.perf_counter()
        prepared = self._detector.prepare(picture)
        level = _measure_level(prepared.pixels, prepared.placement)
        seen = _SeenFrame(frame, prepared.placement, sum_blocks(_enlarge(prepared.pixels)), level)
        if self._inferred and seen.looks_like(self._inferred):
            seconds = time.perf_counter() - started
            return partial(self._repeat, self._inferred.frame.frame_offset, seconds)
        # An inference that can't be started has no predictions to repeat.
        self._inferred = None
        finish = self._detector.infer(prepared, self._thresholds)
        self._inferred = seen
        return partial(self._keep, finish)

    def _keep(self, finish: PendingElement) -> Element:
        # If the model fails, the frames that would repeat its predictions have none either.
        self._element = None
        self._element = finish()
        return self._element

    def _repeat(self, frame_offset: int, seconds: float) -> Element:
        """The element of the last inferred frame. Frames are finished in order, so that is the last one kept."""
        if not isinstance(self._element, dict):
            return self._element  # An embedding is a list of numbers without a place for a mark.
        return {**self._element, "time": round(seconds, 4), REPEATED_FROM: frame_offset}


@dataclass(frozen=True)
class _SeenFrame:
    """A frame as the network sees it."""

    frame: SampledFrame
    placement: Placement
    blocks: BlockSums
    level: float

    def looks_like(self, inferred: "_SeenFrame") -> bool:
        """Whether this frame may repeat the predictions of an earlier one."""
        max_difference = MAX_DIFFERENCE * min(1.0, inferred.level / DIM_LEVEL)
        return (
            self.frame.time_offset - inferred.frame.time_offset < MAX_REPEAT_SECONDS
            and self.placement == inferred.placement
            and not have_different_blocks(self.blocks, inferred.blocks, max_difference)
        )


def _measure_level(pixels: NDArray[np.uint8], placement: Placement) -> float:
    """The mean level of the picture, without its padding. A sixteenth of the pixels suffices."""
    (left, top), (width, height) = placement.offset_xy, placement.resized_wh
    # The offset is negative if the picture is cropped.
    return float(pixels[max(top, 0) : top + height : 4, max(left, 0) : left + width : 4].mean())


def _enlarge(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeats the pixels of a small input, so that its blocks are smaller, but not below one pixel."""
    times = min(BLOCK, -(-MIN_BLOCKS * BLOCK // min(pixels.shape[:2])))
    return pixels if times == 1 else pixels.repeat(times, axis=0).repeat(times, axis=1)


def sum_blocks(pixels: NDArray[np.uint8]) -> BlockSums:
    """Sums the levels of each block of a network's input (height, width, 3).

    Means of blocks are hardly changed by the noise of a sensor, unlike the differences of single pixels.
    """
    # Adding whole rows, and then whole columns, takes a third of the time of numpy's sum over two axes.
    rows = _add_every(pixels.reshape(len(pixels), -1)).reshape(-1, *pixels.shape[1:])
    return _add_every(rows.swapaxes(0, 1)).swapaxes(0, 1)


def _add_every(lines: NDArray[np.integer]) -> BlockSums:
    """Sums each `BLOCK` consecutive lines."""
    sums = lines[::BLOCK].astype(np.uint16)
    for offset in range(1, BLOCK):
        added = lines[offset::BLOCK]
        sums[: len(added)] += added
    return sums


def have_different_blocks(one: BlockSums, other: BlockSums, max_difference: float = MAX_DIFFERENCE) -> bool:
    """Whether the mean level of any block differs by more than `max_difference`. Blocks at the edge count as whole."""
    return bool((np.maximum(one, other) - np.minimum(one, other)).max() > max_difference * BLOCK**2)
