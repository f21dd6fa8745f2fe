"""Selects the frames that a job samples."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

ROUNDING_SECONDS = Fraction(1, 1000)
"""Matroska rounds times to milliseconds, so the last frame may be this much earlier than its sample."""


def sample_frames(timestamps: Sequence[int], time_base: Fraction, infer_fps: Fraction) -> list[int]:
    """Indices of the sampled frames: sample `i` is the frame nearest to `i / infer_fps` seconds after the first.

    On a tie, the earlier frame is sampled. Of frames with the same time, only the first is. The result is exact for
    constant and variable frame rates, because it uses no floating point.

    Args:
        timestamps: presentation times in ticks, ascending, one for each frame; never empty.
        time_base: seconds per tick.
        infer_fps: samples per second.

    Returns:
        Indices into `timestamps`, ascending, no more than there are frames. An index is repeated if its frame stays on
        screen for several samples; but if there are more samples than frames, each index comes once.

    Example:
        >>> sample_frames([0, 1, 2, 3], Fraction(1, 4), Fraction(2))
        [0, 2]
    """
    samples_per_tick = infer_fps * time_base
    origin, sampled = timestamps[0], list[int]()
    samples = int(((timestamps[-1] - origin) * time_base + ROUNDING_SECONDS) * infer_fps) + 1
    distinct = [0, *(index for index, (before, time) in enumerate(pairwise(timestamps), 1) if time > before)]
    next_sample = 0
    for index, following in zip(distinct, [*distinct[1:], None], strict=True):
        end = samples
        if following is not None:
            # Samples up to halfway to the following frame belong to this one.
            half_ways = timestamps[index] + timestamps[following] - 2 * origin
            end = half_ways * samples_per_tick.numerator // (2 * samples_per_tick.denominator) + 1
        if end > next_sample:
            sampled += [index] * (end - next_sample if samples <= len(timestamps) else 1)
            next_sample = end
    return sampled
