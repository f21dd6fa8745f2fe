"""Clock jumps: if a camera's clock is set while it records, hours or days without frames lie between two frames."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from videoengine.timeline import Timeline

JUMP_SECONDS = 3600
"""A longer gap between two frames is a clock jump: no frame stays on screen for so long."""


def measure_seconds(timeline: Timeline) -> float:
    """The time from the first frame to the last without clock jumps, in seconds."""
    ticks = timeline.timestamps[-1] - timeline.timestamps[0]
    return float(ticks * timeline.time_base - sum(seconds for _, seconds in _find_jumps(timeline)))


def describe_jumps(timeline: Timeline) -> str:
    """A note about the clock jumps for the owner of the video; empty if there are none."""
    jumps = list(_find_jumps(timeline))
    if not jumps:
        return ""
    before, length = jumps[0]
    further = f" (the first of {len(jumps)} jumps)" if len(jumps) > 1 else ""
    return f"The clock of the video jumps by {float(length) / 3600:.4g} h after {float(before):.4g} s{further}"


def _find_jumps(timeline: Timeline) -> Iterator[tuple[Fraction, Fraction]]:
    """For each jump, in seconds: the time from the first frame to the jump, and the length of the jump."""
    ticks = JUMP_SECONDS / timeline.time_base
    for earlier, later in pairwise(timeline.timestamps):
        if later - earlier > ticks:
            yield (earlier - timeline.timestamps[0]) * timeline.time_base, (later - earlier) * timeline.time_base
