"""Segments: everything sampled is in exactly one, in order, and cuts are at keyframes where there are any."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine import segments
from videoengine.errors import JobFailed
from videoengine.segments import SampledFrame, Segment, cut_segments, plan_segments
from videoengine.timeline import Timeline


def make_timeline(frames: int, keyframe_every: int, rate: int = 24) -> Timeline:
    timestamps = tuple(range(0, frames * 100, 100))
    return Timeline(timestamps, timestamps[::keyframe_every], Fraction(1, rate * 100), Fraction(rate))


def make_frames(keyframes: list[int]) -> list[SampledFrame]:
    return [SampledFrame(index, index / 24, index, keyframe) for index, keyframe in enumerate(keyframes)]


def lengths(cut: list[Segment]) -> list[int]:
    return [len(segment.frames) for segment in cut]


def test_frames_carry_their_times_and_the_keyframe_before_them() -> None:
    [segment] = plan_segments(make_timeline(frames=25, keyframe_every=10), Fraction(4))
    assert segment.frames == (
        SampledFrame(0, 0.0, 0, 0),
        SampledFrame(6, 0.25, 600, 0),
        SampledFrame(12, 0.5, 1200, 1000),
        SampledFrame(18, 0.75, 1800, 1000),
        SampledFrame(24, 1.0, 2400, 2000),
    )


def test_a_cut_waits_for_a_keyframe() -> None:
    assert lengths(cut_segments(make_frames([0, 0, 0, 3, 3, 3, 6, 6]), target_frames=2)) == [3, 3, 2]


def test_a_cut_without_keyframes_comes_at_twice_the_target() -> None:
    assert lengths(cut_segments(make_frames([0] * 10), target_frames=2)) == [4, 4, 2]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200).map(sorted), st.integers(1, 20))
def test_every_frame_is_in_one_segment(keyframes: list[int], target_frames: int) -> None:
    frames = make_frames(keyframes)
    cut = cut_segments(frames, target_frames)
    assert [frame for segment in cut for frame in segment.frames] == frames
    assert all(0 < length <= 2 * target_frames for length in lengths(cut))


def test_a_long_video_has_larger_segments_rather_than_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_SEGMENTS", 10)
    planned = plan_segments(make_timeline(frames=5_000, keyframe_every=1), Fraction(24))
    assert lengths(planned) == [500] * 10


def test_a_segment_survives_its_json() -> None:
    [segment] = plan_segments(make_timeline(frames=25, keyframe_every=10), Fraction(4))
    assert Segment.from_json(json.loads(json.dumps(segment.to_json()))) == segment


def test_more_samples_than_frames_fail_the_job() -> None:
    with pytest.raises(JobFailed, match=r"infer_fps 24\.5 is above the video's frame rate of 24 frames"):
        plan_segments(make_timeline(frames=25, keyframe_every=10), Fraction(49, 2))


def test_every_frame_may_be_sampled() -> None:
    [segment] = plan_segments(make_timeline(frames=25, keyframe_every=10), Fraction(24))
    assert [frame.frame_offset for frame in segment.frames] == list(range(25))
