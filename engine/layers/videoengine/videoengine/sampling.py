"""Which frames a job looks at."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction

ROUNDING_SECONDS = Fraction(1, 1000)
"""Matroska rounds times to milliseconds, so the last frame may seem to come this much before its sample."""


def sample_frames(timestamps: Sequence[int], time_base: Fraction, infer_fps: Fraction) -> list[int]:
    """Indices of the sampled frames: sample `i` is the frame nearest to `i / infer_fps` seconds after the first.

    A tie takes the earlier frame. Exact on any frame rate, constant or not: there is no floating point in it.

    Args:
        timestamps: presentation times in ticks, ascending, one a frame; never empty.
        time_base: seconds a tick.
        infer_fps: samples a second.

    Returns:
        Indices into `timestamps`, ascending. One index comes twice where a frame stays on screen for more than
        one sample.
    """
    ticks_per_sample = 1 / (infer_fps * time_base)
    first, last = timestamps[0], timestamps[-1]
    samples = int(((last - first) * time_base + ROUNDING_SECONDS) * infer_fps) + 1
    return [_find_nearest(timestamps, first + sample * ticks_per_sample) for sample in range(samples)]


def _find_nearest(timestamps: Sequence[int], target: Fraction) -> int:
    after = bisect_left(timestamps, math.ceil(target))
    if after == 0:
        return 0
    if after == len(timestamps):
        # Of frames with one and the same time, the earliest.
        return bisect_left(timestamps, timestamps[-1])
    before = bisect_left(timestamps, timestamps[after - 1])
    return after if timestamps[after] - target < target - timestamps[before] else before
