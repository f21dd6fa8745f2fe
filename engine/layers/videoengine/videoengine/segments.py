"""Cuts the sampled frames of a job into segments, which are inferred in parallel."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, Self

from videoengine.errors import JobFailed
from videoengine.sampling import sample_frames
from videoengine.shares import Effort, share_out
from videoengine.timeline import Timeline

MAX_SEGMENT_SECONDS = 60.0
"""Maximum estimated work in a segment, in seconds, before it is cut however much that re-decodes. A model that is ten
times slower still finishes within Lambda's 15 minutes."""

MAX_REDECODE_SHARE = 0.5
"""Maximum share of a segment's work spent on re-decoding frames before its first one."""

REDECODE_WEIGHT = 4
"""Cost of re-decoding relative to an uneven share: the next round evens shares out, but re-decoding is lost."""


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A frame to infer, and the keyframe to decode it from.

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
        """The segment as plain JSON: one list for each attribute of `SampledFrame`."""
        names = SampledFrame.__dataclass_fields__
        return {name: [getattr(frame, name) for frame in self.frames] for name in names}

    @classmethod
    def from_json(cls, columns: dict[str, Any]) -> Self:
        """The segment that `to_json` wrote."""
        rows = zip(*(columns[name] for name in SampledFrame.__dataclass_fields__), strict=True)
        return cls(tuple(SampledFrame(*row) for row in rows))


def select_frames(timeline: Timeline, infer_fps: Fraction, max_frames: int | None = None) -> list[SampledFrame]:
    """The sampled frames of a job, in order. A frame that stays on screen for several samples is repeated.

    A video with less than one frame per second is sampled at each of its frames, because `infer_fps` is at least 1.

    Raises:
        JobFailed: `infer_fps` is above the video's frame rate, or there are more than `max_frames` samples.
    """
    if infer_fps > timeline.frame_rate >= 1:
        raise JobFailed(
            f"infer_fps {_format_rate(infer_fps)} is above the video's frame rate of "
            f"{_format_rate(timeline.frame_rate)} frames per second; use that or less"
        )
    sampled = sample_frames(timeline.timestamps, timeline.time_base, infer_fps)
    if max_frames and len(sampled) > max_frames:
        raise JobFailed(
            f"{len(sampled)} sampled frames are more than this engine's limit of {max_frames}; "
            f"{_advise(timeline, max_frames)}"
        )
    return list(_describe(timeline, sampled))


def cut_segments(
    frames: Sequence[SampledFrame], timeline: Timeline, effort: Effort, max_concurrency: int
) -> list[Segment]:
    """Divides the frames, in order, into segments for up to `max_concurrency` workers.

    A cut at a keyframe is free. A cut elsewhere re-decodes the frames from its keyframe. Each cut is placed where the
    sum of the re-decoding and the distance from the ideal place is lowest. A cut that costs too much is left out.
    """
    # A frame is inferred once, however often it is sampled. So all its samples count once and stay in one segment.
    inferred = accumulate((before != after for before, after in pairwise(frames)), initial=0)
    work = [
        effort.decode * frame.frame_offset + effort.infer * count for frame, count in zip(frames, inferred, strict=True)
    ]
    redecoding = [effort.decode * _count_preceding(frame, timeline) for frame in frames]
    starts, ideal = [0], 0.0
    for share, following in pairwise(share_out(work[-1] + effort.infer, max_concurrency)):
        ideal += share
        reach = min(share, following) / 2
        near = range(bisect_left(work, ideal - reach), bisect_left(work, ideal + reach))
        cut = min(near, key=lambda index: abs(work[index] - ideal) + REDECODE_WEIGHT * redecoding[index], default=0)
        length = work[cut] - work[starts[-1]]
        if cut > starts[-1] and (
            redecoding[cut] <= MAX_REDECODE_SHARE * length or length + following > MAX_SEGMENT_SECONDS
        ):
            starts.append(cut)
    return [Segment(tuple(frames[start:end])) for start, end in pairwise([*starts, len(frames)])]


def order_by_work(segments: Sequence[Segment], timeline: Timeline, effort: Effort) -> list[int]:
    """The segments' numbers, longest first, so that workers don't wait long for the last segments.

    Cuts are placed near keyframes, so the later segments are not always the shorter ones.
    """
    return sorted(range(len(segments)), key=lambda number: _estimate(segments[number], timeline, effort), reverse=True)


def are_short(segments: Sequence[Segment], timeline: Timeline, effort: Effort) -> bool:
    """Whether each segment is expected to end within the five minutes of an Express execution."""
    return all(_estimate(segment, timeline, effort) <= MAX_SEGMENT_SECONDS for segment in segments)


def _estimate(segment: Segment, timeline: Timeline, effort: Effort) -> float:
    """The work of a segment in seconds."""
    first, last = segment.frames[0], segment.frames[-1]
    decoded = last.frame_offset - first.frame_offset + 1 + _count_preceding(first, timeline)
    return effort.decode * decoded + effort.infer * len(set(segment.frames))


def _count_preceding(frame: SampledFrame, timeline: Timeline) -> int:
    """How many frames must be decoded before this one."""
    return max(frame.frame_offset - bisect_left(timeline.timestamps, frame.keyframe), 0)


def _describe(timeline: Timeline, frame_offsets: Iterable[int]) -> Iterable[SampledFrame]:
    for frame_offset in frame_offsets:
        timestamp = timeline.timestamps[frame_offset]
        preceding = bisect_right(timeline.keyframes, timestamp) - 1
        seconds = (timestamp - timeline.timestamps[0]) * timeline.time_base
        yield SampledFrame(frame_offset, round(float(seconds), 4), timestamp, timeline.keyframes[preceding])


def _advise(timeline: Timeline, max_frames: int) -> str:
    """What to do to stay within `max_frames`."""
    ticks = timeline.timestamps[-1] - timeline.timestamps[0]
    highest = (max_frames - 1) / (ticks * timeline.time_base)
    return f"use an infer_fps of {_format_rate(highest)} or less" if highest >= 1 else "cut it into shorter videos"


def _format_rate(rate: Fraction) -> str:
    """Rounded down, so that a job with this rate is accepted."""
    return f"{math.floor(100 * rate) / 100:g}"
