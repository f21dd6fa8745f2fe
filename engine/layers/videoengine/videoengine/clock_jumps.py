"""A camera's clock that is set while it records: between two frames lie hours or days that nobody filmed."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from videoengine.timeline import Timeline

JUMP_SECONDS = 3600
"""A frame does not stay on screen for longer."""


def measure_seconds(timeline: Timeline) -> float:
    """From the first frame to the last, without the jumps."""
    ticks = timeline.timestamps[-1] - timeline.timestamps[0]
    return float(ticks * timeline.time_base - sum(seconds for _, seconds in _find_jumps(timeline)))


def describe_jumps(timeline: Timeline) -> str:
    """What to tell the person whose video it is; empty if there is no jump."""
    jumps = list(_find_jumps(timeline))
    if not jumps:
        return ""
    before, length = jumps[0]
    further = f" (the first of {len(jumps)} jumps)" if len(jumps) > 1 else ""
    return f"The clock of the video jumps by {float(length) / 3600:.4g} h after {float(before):.4g} s{further}"


def _find_jumps(timeline: Timeline) -> Iterator[tuple[Fraction, Fraction]]:
    """The seconds from the first frame to each jump, and those of the jump."""
    ticks = JUMP_SECONDS / timeline.time_base
    for earlier, later in pairwise(timeline.timestamps):
        if later - earlier > ticks:
            yield (earlier - timeline.timestamps[0]) * timeline.time_base, (later - earlier) * timeline.time_base
