"""Which frames a job looks at."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

ROUNDING_SECONDS = Fraction(1, 1000)
"""Matroska rounds times to milliseconds, so the last frame may seem to come this much before its sample."""


def sample_frames(timestamps: Sequence[int], time_base: Fraction, infer_fps: Fraction) -> list[int]:
    """Indices of the sampled frames: sample `i` is the frame nearest to `i / infer_fps` seconds after the first.

    A tie takes the earlier frame, and of frames with one and the same time the first counts. Exact on any frame rate,
    constant or not: there is no floating point in it.

    Args:
        timestamps: presentation times in ticks, ascending, one a frame; never empty.
        time_base: seconds a tick.
        infer_fps: samples a second.

    Returns:
        Indices into `timestamps`, ascending, no more than there are frames. One index comes several times where a frame
        stays on screen for as many samples; but where there are more samples than frames, each index comes once.
    """
    samples_per_tick = infer_fps * time_base
    origin, sampled = timestamps[0], list[int]()
    samples = int(((timestamps[-1] - origin) * time_base + ROUNDING_SECONDS) * infer_fps) + 1
    distinct = [0, *(index for index, (before, time) in enumerate(pairwise(timestamps), 1) if time > before)]
    next_sample = 0
    for index, following in zip(distinct, [*distinct[1:], None], strict=True):
        end = samples
        if following is not None:
            # Samples up to half way to the following frame are this one's.
            half_ways = timestamps[index] + timestamps[following] - 2 * origin
            end = half_ways * samples_per_tick.numerator // (2 * samples_per_tick.denominator) + 1
        if end > next_sample:
            sampled += [index] * (end - next_sample if samples <= len(timestamps) else 1)
            next_sample = end
    return sampled
