"""`python -m tests.sampling_report`: compares the engine's frames, for many cuts, with those of one
sequential decode.
"""

import io
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from tests.plain_reading import ShownFrame, digest, read_plainly, sample_plainly
from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS, SPARSE_RATES, SPARSE_SPECS, make_sparse_video
from videoengine.frames import read_frames
from videoengine.segments import SampledFrame, Segment, cut_segments, select_frames
from videoengine.shares import Effort
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

INFER_FPS = tuple(map(Fraction, (1, 2, 3, 5, 10, 120)))
INFER_FPS_MAX = Fraction(60)
SEGMENT_LENGTHS = 1, 3, 7, 10_000
EFFORTS = Effort(decode=0.0, infer=1.0), Effort(decode=0.2, infer=1.0)


def sample_video(video: bytes, infer_fps: Fraction) -> tuple[Timeline, list[SampledFrame]]:
    """Samples a video with the engine, at most at the video's own frame rate."""
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
    return timeline, select_frames(timeline, min(infer_fps, timeline.frame_rate))


def cut_in_many_ways(
    frames: Sequence[SampledFrame], timeline: Timeline, lengths: Sequence[int] = SEGMENT_LENGTHS
) -> Iterator[list[Segment]]:
    """Cuts as the engine does for many workers, and after every few frames, whether at a keyframe or not."""
    for effort in EFFORTS:
        yield cut_segments(frames, timeline, effort, max_concurrency=1000)
    for length in lengths:
        yield [Segment(part) for part in itertools.batched(frames, length, strict=False)]


def decode_segment(video: bytes, segment: Segment) -> list[str | None]:
    """Hashes each sampled frame's pixels, None for a missing frame; the segment is serialized as in a job."""
    segment = Segment.from_json(json.loads(json.dumps(segment.to_json())))
    with open_video(io.BytesIO(video)) as container:
        found = {timestamp: digest(picture) for timestamp, picture in read_frames(container, segment.frames)}
    return [found.get(frame.timestamp) for frame in segment.frames]


def main() -> None:
    """Prints one row per video, sampled sparsely and at every frame; exits with 1 if any differs."""
    makers = dict(AWKWARD_VIDEOS)
    for name, rate in itertools.product(SPARSE_SPECS, SPARSE_RATES):
        makers[f"{name}, {rate} frames a second"] = partial(make_sparse_video, name, rate)
    rows, differing = [], 0
    for name, make in makers.items():
        video = make()
        shown = read_plainly(video)
        counts = [compare(video, shown, infer_fps) for infer_fps in INFER_FPS]
        equal, cuts = (sum(column) for column in zip(*counts, strict=True))
        differing += equal < cuts
        rows.append((name, str(len(shown)), f"{equal} of {cuts}"))
    print_table([("video", "frames", "rates and cuts with equal hashes"), *rows])
    rates = ", ".join(map(str, INFER_FPS))
    print(f"{len(rows)} videos, {differing} differ; sampled at {rates} a second, or at each frame")  # noqa: T201
    sys.exit(min(differing, 1))


def compare(video: bytes, shown: list[ShownFrame], infer_fps: Fraction) -> tuple[int, int]:
    """Counts the ways of cutting that give the frames of one sequential decode, and all ways of cutting."""
    timeline, frames = sample_video(video, infer_fps)
    expected = [shown[index].digest for index in sample_plainly(shown, min(infer_fps, timeline.frame_rate))]
    cuts = list(cut_in_many_ways(frames, timeline))
    found = [[digest for segment in segments for digest in decode_segment(video, segment)] for segments in cuts]
    return sum(digests == expected for digests in found), len(cuts)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())  # noqa: T201


if __name__ == "__main__":
    main()
