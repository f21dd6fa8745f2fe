"""A job's sampled frames, cut into segments that are inferred side by side."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, Self

from videoengine.errors import JobFailed
from videoengine.sampling import sample_frames
from videoengine.timeline import Timeline

MAX_SEGMENTS = 2000
"""Segments a job: the list of them travels through the state machine, whose payloads end at 256 KiB."""

SECONDS_MIN = 2.0
"""Work that is worth a worker of its own, which takes about as long to start."""

SECONDS_LAST = 1.0
"""Work in the last segments of a long job, which are for workers that have started long before."""

SECONDS_MAX = 60.0
"""Work in one segment, as estimated: a model that is ten times as slow still ends within Lambda's 15 minutes."""

AGAIN_SHARE = 0.5
"""Of a segment's work: what may be spent on decoding again what lies before its first frame."""

AGAIN_WEIGHT = 4
"""Of decoding again, beside uneven shares: these are made up for by the next round, and that is not."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class Effort:
    """What frames take a worker, in seconds: rough figures, of which only the proportions matter much.

    Attributes:
        decode: a frame that is decoded.
        infer: a frame that is sampled, for all models together.
    """

    decode: float
    infer: float

    @classmethod
    def estimate(cls, pixels: int, models: int) -> Self:
        """For frames of so many pixels, and models of YOLO11n's size: as `python -m bench.engine` measures them."""
        return cls(decode=1.5e-9 * pixels, infer=0.04 * models)


def select_frames(timeline: Timeline, infer_fps: Fraction, max_frames: int | None = None) -> list[SampledFrame]:
    """The frames that a job looks at, in order; one that stays on screen for several samples comes as often.

    A video of less than one frame a second gives each of its frames: no `infer_fps` is as low.

    Raises:
        JobFailed: more samples a second are asked for than the video has frames, or these are more than `max_frames`.
    """
    if infer_fps > timeline.frame_rate >= 1:
        raise JobFailed(
            f"infer_fps {_format_rate(infer_fps)} is above the video's frame rate of "
            f"{_format_rate(timeline.frame_rate)} frames per second; ask for that or less"
        )
    sampled = sample_frames(timeline.timestamps, timeline.time_base, infer_fps)
    if max_frames and len(sampled) > max_frames:
        raise JobFailed(
            f"{len(sampled)} sampled frames are more than the {max_frames} that this engine takes; "
            f"{_advise(timeline, max_frames)}"
        )
    return list(_describe(timeline, sampled))


def cut_segments(
    frames: Sequence[SampledFrame], timeline: Timeline, effort: Effort, max_concurrency: int
) -> list[Segment]:
    """Shares the frames out, in their order, into segments for up to `max_concurrency` workers.

    A cut at a keyframe is free; one elsewhere decodes again what lies between its keyframe and itself. Each cut is made
    where that, and its distance from where it ought to be, cost least, and not at all where it costs too much.
    """
    # A frame is inferred once however often it is sampled, so all its samples are the same work and in one segment.
    inferred = accumulate((before != after for before, after in pairwise(frames)), initial=0)
    work = [
        effort.decode * frame.frame_offset + effort.infer * count for frame, count in zip(frames, inferred, strict=True)
    ]
    again = [effort.decode * _count_preceding(frame, timeline) for frame in frames]
    starts, ideal = [0], 0.0
    for share, following in pairwise(_share_out(work[-1] + effort.infer, max_concurrency)):
        ideal += share
        reach = min(share, following) / 2
        near = range(bisect_left(work, ideal - reach), bisect_left(work, ideal + reach))
        cut = min(near, key=lambda index: abs(work[index] - ideal) + AGAIN_WEIGHT * again[index], default=0)
        length = work[cut] - work[starts[-1]]
        if cut > starts[-1] and (again[cut] <= AGAIN_SHARE * length or length + following > SECONDS_MAX):
            starts.append(cut)
    return [Segment(tuple(frames[start:end])) for start, end in pairwise([*starts, len(frames)])]


def order_by_work(segments: Sequence[Segment], timeline: Timeline, effort: Effort) -> list[int]:
    """The segments' numbers, those that take longest first: what workers wait for in the end is short.

    Cuts are made near keyframes, so that a short share may be a long segment.
    """

    def estimate(number: int) -> float:
        first, last = segments[number].frames[0], segments[number].frames[-1]
        decoded = last.frame_offset - first.frame_offset + 1 + _count_preceding(first, timeline)
        return effort.decode * decoded + effort.infer * len(set(segments[number].frames))

    return sorted(range(len(segments)), key=estimate, reverse=True)


def _share_out(seconds: float, workers: int) -> list[float]:
    """Work of each segment.

    Of a long job each worker gets a segment round by round, and a round takes half of what is left: so the others make
    up for a slow worker or a segment that is tried again, and at the end nobody waits long ("factoring": Hummel,
    Schonberg and Flynn, Communications of the ACM 35 (8), 1992).
    """
    if seconds < 2 * SECONDS_MIN * workers:
        count = min(max(int(seconds / SECONDS_MIN), 1), workers)
        return [seconds / count] * count
    least = max(SECONDS_LAST, seconds / (MAX_SEGMENTS - 1))
    most = max(SECONDS_MAX, least)
    shares, left = list[float](), seconds
    while left > least / 2:
        share = min(max(left / 2 / workers, least), most)
        shares += [share] * min(workers, math.ceil(left / share))
        left = seconds - math.fsum(shares)
    return shares


def _count_preceding(frame: SampledFrame, timeline: Timeline) -> int:
    """Frames that are decoded before this one can be."""
    return max(frame.frame_offset - bisect_left(timeline.timestamps, frame.keyframe), 0)


def _describe(timeline: Timeline, frame_offsets: Iterable[int]) -> Iterable[SampledFrame]:
    for frame_offset in frame_offsets:
        timestamp = timeline.timestamps[frame_offset]
        preceding = bisect_right(timeline.keyframes, timestamp) - 1
        seconds = (timestamp - timeline.timestamps[0]) * timeline.time_base
        yield SampledFrame(frame_offset, round(float(seconds), 4), timestamp, timeline.keyframes[preceding])


def _advise(timeline: Timeline, max_frames: int) -> str:
    """How a video's job may have so many sampled frames."""
    ticks = timeline.timestamps[-1] - timeline.timestamps[0]
    highest = (max_frames - 1) / (ticks * timeline.time_base)
    return f"ask for an infer_fps of {_format_rate(highest)} or less" if highest >= 1 else "cut it into shorter videos"


def _format_rate(rate: Fraction) -> str:
    """Rounded down, so that who asks for it is not refused."""
    return f"{math.floor(100 * rate) / 100:g}"
