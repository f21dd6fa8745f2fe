"""Segments: every sample is in exactly one, in order, and segments take about the same time."""

import heapq
import io
import json
from bisect import bisect_left
from fractions import Fraction
from itertools import accumulate, pairwise

import av
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from videoengine import timeline as timeline_module
from videoengine.errors import JobFailed
from videoengine.segments import (
    MAX_REDECODE_SHARE,
    MAX_SEGMENT_SECONDS,
    SampledFrame,
    Segment,
    are_short,
    cut_segments,
    order_by_work,
    select_frames,
)
from videoengine.shares import MAX_SEGMENTS, MAX_SHARE_SECONDS, MIN_LAST_SEGMENT_SECONDS, MIN_SEGMENT_SECONDS, Effort
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

EFFORT = Effort(decode=0.003, infer=0.04)


def make_timeline(frames: int, keyframe_every: int, rate: int = 24) -> Timeline:
    timestamps = tuple(range(0, frames * 100, 100))
    return Timeline(timestamps, timestamps[::keyframe_every], Fraction(1, rate * 100), Fraction(rate))


def cut(timeline: Timeline, infer_fps: int, max_concurrency: int, effort: Effort = EFFORT) -> list[Segment]:
    return cut_segments(select_frames(timeline, Fraction(infer_fps)), timeline, effort, max_concurrency)


def estimate(segment: Segment, timeline: Timeline, effort: Effort = EFFORT) -> tuple[float, float]:
    """Seconds of a segment's work, and how many of them another segment's worker spends as well."""
    first, last = segment.frames[0], segment.frames[-1]
    again = effort.decode * (first.frame_offset - bisect_left(timeline.timestamps, first.keyframe))
    decoded = effort.decode * (last.frame_offset - first.frame_offset)
    return again + decoded + effort.infer * len(segment.frames), again


def test_frames_carry_their_times_and_the_keyframe_before_them() -> None:
    assert select_frames(make_timeline(frames=25, keyframe_every=10), Fraction(4)) == [
        SampledFrame(0, 0.0, 0, 0),
        SampledFrame(6, 0.25, 600, 0),
        SampledFrame(12, 0.5, 1200, 1000),
        SampledFrame(18, 0.75, 1800, 1000),
        SampledFrame(24, 1.0, 2400, 2000),
    ]


def test_a_short_video_is_one_segment() -> None:
    assert len(cut(make_timeline(frames=24, keyframe_every=12), infer_fps=24, max_concurrency=50)) == 1


def test_one_picture_is_one_segment() -> None:
    assert len(cut(make_timeline(frames=1, keyframe_every=1), infer_fps=1, max_concurrency=50)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("max_concurrency", [1, 10, 100])
def test_the_workers_of_an_hour_of_video_take_about_the_same_time(max_concurrency: int) -> None:
    timeline = make_timeline(frames=3600 * 30, keyframe_every=250, rate=30)
    segments = cut(timeline, infer_fps=5, max_concurrency=max_concurrency)
    costs = [estimate(segment, timeline) for segment in segments]
    again = sum(again for _, again in costs)
    total = sum(seconds for seconds, _ in costs)
    assert again <= 0.1 * total
    assert max(seconds for seconds, _ in costs) <= 1.1 * MAX_SHARE_SECONDS
    assert are_short(segments, timeline, EFFORT)
    order = order_by_work(segments, timeline, EFFORT)
    assert sorted(order) == list(range(len(segments)))
    in_turn = [costs[number][0] for number in order]
    assert in_turn == pytest.approx(sorted(in_turn, reverse=True), abs=2 * EFFORT.decode)
    workers = [0.0] * max_concurrency
    for seconds in in_turn:
        heapq.heapreplace(workers, workers[0] + seconds)
    # Equal shares, plus part of a last segment.
    assert max(workers) <= 1.01 * total / max_concurrency + MIN_LAST_SEGMENT_SECONDS / 2


def test_no_more_workers_start_than_the_work_is_worth() -> None:
    timeline = make_timeline(frames=3600 * 30, keyframe_every=250, rate=30)
    seconds = [estimate(segment, timeline)[0] for segment in cut(timeline, infer_fps=5, max_concurrency=1000)]
    assert MIN_SEGMENT_SECONDS <= sum(seconds) / len(seconds) <= 1.2 * MIN_SEGMENT_SECONDS
    assert max(seconds) <= 2 * MIN_SEGMENT_SECONDS


def test_a_cut_is_made_at_a_nearby_keyframe() -> None:
    timeline = make_timeline(frames=3600 * 30, keyframe_every=30, rate=30)
    segments = cut(timeline, infer_fps=5, max_concurrency=50)
    assert len(segments) > 100
    assert [estimate(segment, timeline)[1] for segment in segments] == [0.0] * len(segments)


def test_a_video_with_one_keyframe_is_not_decoded_repeatedly() -> None:
    timeline = make_timeline(frames=3600 * 30, keyframe_every=10**9, rate=30)
    segments = cut(timeline, infer_fps=5, max_concurrency=1000)
    costs = [estimate(segment, timeline) for segment in segments]
    assert len(segments) > 5
    for (before, _), (_, again) in pairwise(costs):
        assert again <= MAX_REDECODE_SHARE * before or before > 0.9 * MAX_SEGMENT_SECONDS


@given(
    frames=st.integers(1, 4000),
    keyframe_every=st.integers(1, 300),
    infer_fps=st.integers(1, 24),
    max_concurrency=st.integers(1, 1000),
    models=st.integers(1, 8),
)
def test_every_frame_is_in_exactly_one_segment(
    frames: int, keyframe_every: int, infer_fps: int, max_concurrency: int, models: int
) -> None:
    timeline = make_timeline(frames, keyframe_every)
    effort = Effort.estimate(pixels=1920 * 1080, models=models)
    segments = cut(timeline, infer_fps, max_concurrency, effort)
    assert [frame for segment in segments for frame in segment.frames] == select_frames(timeline, Fraction(infer_fps))
    assert all(segment.frames for segment in segments)
    assert len(segments) <= max(
        sum(estimate(segment, timeline, effort)[0] for segment in segments) / MIN_LAST_SEGMENT_SECONDS, 1
    )


@given(
    stills=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    keyframe_every=st.integers(1, 30),
    max_concurrency=st.integers(1, 1000),
)
def test_all_samples_of_a_frame_are_in_one_segment(
    stills: list[int], keyframe_every: int, max_concurrency: int
) -> None:
    """Each frame stays on screen for several seconds; it is inferred once, however often it is sampled."""
    timestamps = tuple(accumulate(stills, initial=0))
    timeline = Timeline(timestamps, timestamps[::keyframe_every], Fraction(1), Fraction(1))
    frames = [sample for sample in select_frames(timeline, Fraction(1)) for _ in range(3)]
    effort = Effort(decode=0.003, infer=2.0)
    segments = cut_segments(frames, timeline, effort, max_concurrency)
    offsets = [{frame.frame_offset for frame in segment.frames} for segment in segments]
    assert sum(map(len, offsets)) == len({frame.frame_offset for frame in frames})
    assert sorted(order_by_work(segments, timeline, effort)) == list(range(len(segments)))


@pytest.mark.slow
def test_a_day_of_video_has_larger_segments_rather_than_more() -> None:
    timeline, effort = make_timeline(frames=86_400, keyframe_every=10, rate=1), Effort(0.1, 10.0)
    segments = cut(timeline, infer_fps=1, max_concurrency=1000, effort=effort)
    assert len(segments) <= MAX_SEGMENTS
    assert not are_short(segments, timeline, effort)


YOLO11X_SECONDS = 0.04 * 227.6e6 / 10.7e6
EXPRESS_SECONDS = 210
"""The time limit of a segment in an Express execution."""


def test_segments_of_a_large_model_end_within_an_express_execution() -> None:
    """Without AVX-512, YOLO11m takes 1.85 times the CPU time by `bench.price`; the estimate is with it."""
    timeline = make_timeline(frames=3600 * 30, keyframe_every=250, rate=30)
    effort = Effort.estimate(1920 * 1080, models=1, infer_seconds=YOLO11X_SECONDS)
    slower = Effort(1.85 * effort.decode, 1.85 * effort.infer)
    segments, of_unknown_size = (cut(timeline, 5, 50, found) for found in (effort, Effort.estimate(1920 * 1080, 1)))
    assert are_short(segments, timeline, effort)
    assert max(estimate(segment, timeline, slower)[0] for segment in segments) <= EXPRESS_SECONDS
    assert max(estimate(segment, timeline, slower)[0] for segment in of_unknown_size) > EXPRESS_SECONDS


@given(
    frames=st.integers(1, 2000),
    keyframe_every=st.integers(1, 300),
    max_concurrency=st.integers(1, 1000),
    infer_seconds=st.floats(0.04, 300),
)
def test_short_segments_end_in_time_however_large_the_model_is(
    frames: int, keyframe_every: int, max_concurrency: int, infer_seconds: float
) -> None:
    timeline = make_timeline(frames, keyframe_every)
    effort = Effort.estimate(1920 * 1080, models=1, infer_seconds=infer_seconds)
    segments = cut(timeline, 5, max_concurrency, effort)
    longest = max(estimate(segment, timeline, effort)[0] for segment in segments)
    assert 3 * longest <= EXPRESS_SECONDS or not are_short(segments, timeline, effort)
    # Cutting does what it can: only a video of too many frames has longer segments.
    assert longest <= MAX_SEGMENT_SECONDS + 2 * infer_seconds + 0.01 * keyframe_every


def test_a_segment_survives_its_conversion_to_json() -> None:
    segment = Segment(tuple(select_frames(make_timeline(frames=25, keyframe_every=10), Fraction(4))))
    assert Segment.from_json(json.loads(json.dumps(segment.to_json()))) == segment


def test_more_samples_than_frames_fail_the_job() -> None:
    with pytest.raises(JobFailed, match=r"infer_fps 24\.5 is above the video's frame rate of 24 frames"):
        select_frames(make_timeline(frames=25, keyframe_every=10), Fraction(49, 2))


@pytest.mark.parametrize("claimed_rate", [24, 120])
@pytest.mark.parametrize("seconds", [120, 6 * 3600])
def test_a_few_frames_with_a_false_frame_rate_are_sampled_once_each(seconds: int, claimed_rate: int) -> None:
    """A 1.4 kB file with three frames gave 14,401 samples for two minutes, and 2.6 million for six hours."""
    timeline = read_timeline_of(make_sparse_video(seconds, claimed_rate))
    for infer_fps in (1, 5, 120):
        assert len(select_frames(timeline, Fraction(infer_fps))) == 3


def test_a_video_of_too_many_frames_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "MAX_FRAMES", 2)
    with pytest.raises(JobFailed, match="more frames than this engine's limit of 2"):
        read_timeline_of(make_sparse_video(120, claimed_rate=120))


def read_timeline_of(video: bytes) -> Timeline:
    with open_video(io.BytesIO(video), max_pixels=10_000) as container:
        return read_timeline(container)


def make_sparse_video(seconds: int, claimed_rate: int) -> bytes:
    """Makes an MKV of three frames in so many seconds, whose header claims `claimed_rate` frames a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=claimed_rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(3):
            frame = VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number * seconds * 500, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def test_every_frame_may_be_sampled() -> None:
    frames = select_frames(make_timeline(frames=25, keyframe_every=10), Fraction(24))
    assert [frame.frame_offset for frame in frames] == list(range(25))
