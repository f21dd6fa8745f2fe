"""A job's sampled frames, cut into segments that are inferred side by side."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from videoengine.errors import JobFailed
from videoengine.sampling import sample_frames
from videoengine.timeline import Timeline

TARGET_FRAMES = 100
"""Sampled frames a segment: seconds of inference with a small model, far below Lambda's 15 minutes with a large one."""
MAX_SEGMENTS = 2000
"""Segments a job: the list of them travels through the state machine, whose payloads end at 256 KiB."""


@dataclass(frozen=True)
class SampledFrame:
    """A frame to infer: where it is, and from where it can be decoded.

    Attributes:
        frame_offset: index in presentation order.
        time_offset: seconds after the first frame, 4 decimals.
        timestamp: presentation time in ticks.
        keyframe: presentation time in ticks of the keyframe that decoding starts from.
    """

    frame_offset: int
    time_offset: float
    timestamp: int
    keyframe: int


@dataclass(frozen=True)
class Segment:
    """Consecutive sampled frames of one job."""

    frames: tuple[SampledFrame, ...]

    def to_json(self) -> dict[str, Any]:
        names = SampledFrame.__dataclass_fields__
        return {name: [getattr(frame, name) for frame in self.frames] for name in names}

    @classmethod
    def from_json(cls, columns: dict[str, Any]) -> Self:
        rows = zip(*(columns[name] for name in SampledFrame.__dataclass_fields__), strict=True)
        return cls(tuple(SampledFrame(*row) for row in rows))


def plan_segments(timeline: Timeline, infer_fps: Fraction) -> list[Segment]:
    """The segments of a job, in order.

    Raises:
        JobFailed: more samples a second are asked for than the video has frames.
    """
    if infer_fps > timeline.frame_rate:
        raise JobFailed(
            f"infer_fps {_format_rate(infer_fps)} is above the video's frame rate of "
            f"{_format_rate(timeline.frame_rate)} frames per second; ask for that or less"
        )
    frames = list(_describe(timeline, sample_frames(timeline.timestamps, timeline.time_base, infer_fps)))
    return cut_segments(frames, target_frames=max(TARGET_FRAMES, -(-len(frames) // MAX_SEGMENTS)))


def cut_segments(frames: Sequence[SampledFrame], target_frames: int) -> list[Segment]:
    """Cuts at the first keyframe after `target_frames` frames, and where none comes, at twice as many.

    A cut at a keyframe is free; a cut elsewhere decodes what lies before it once more.
    """
    segments: list[Segment] = []
    current: list[SampledFrame] = []
    for frame in frames:
        full = len(current) >= target_frames and frame.keyframe != current[-1].keyframe
        if full or len(current) >= 2 * target_frames:
            segments.append(Segment(tuple(current)))
            current = []
        current.append(frame)
    return [*segments, Segment(tuple(current))]


def _describe(timeline: Timeline, frame_offsets: Iterable[int]) -> Iterable[SampledFrame]:
    for frame_offset in frame_offsets:
        timestamp = timeline.timestamps[frame_offset]
        # Frames before the first keyframe exist in cut streams: they can only be tried from the start.
        preceding = max(bisect_right(timeline.keyframes, timestamp) - 1, 0)
        seconds = (timestamp - timeline.timestamps[0]) * timeline.time_base
        yield SampledFrame(frame_offset, round(float(seconds), 4), timestamp, timeline.keyframes[preceding])


def _format_rate(rate: Fraction) -> str:
    return f"{float(rate):.5g}"
