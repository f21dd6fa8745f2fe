"""Frames without times of their own: a damaged table or time scale may put all frames of a video at a few times, and
then few of them are sampled."""

from av.container import InputContainer

from videoengine.clock_jumps import measure_seconds
from videoengine.timeline import Timeline, find_video_stream

MAX_RATE = 1000
"""The highest rate, in frames per second, that gets no note."""


def describe_lost_times(container: InputContainer, timeline: Timeline) -> str:
    """A note for the owner of the video; empty if most frames have times of their own."""
    shown, times = len(timeline.timestamps), len(set(timeline.timestamps))
    # Headers of other formats count frames that a camera dropped.
    named = find_video_stream(container).frames if "mp4" in container.format.name else 0
    frames = max(shown, named)
    if 2 * times < frames:
        return f"The file has {frames} frames, and its timeline shows them at {_count(times)}"
    seconds = measure_seconds(timeline)
    if times - 1 > MAX_RATE * seconds:
        return f"The timeline of the video shows its {shown} frames within {seconds:.2g} s"
    return ""


def _count(times: int) -> str:
    return "one time" if times == 1 else f"only {times} different times"
