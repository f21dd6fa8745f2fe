"""The sampling rule and the frames, on videos that are hard to sample, compared with one sequential decode."""

import io
import itertools
import os
import random
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import IN_CI, count_examples
from tests.plain_reading import read_plainly, sample_plainly
from tests.sampling_report import INFER_FPS_MAX, SEGMENT_LENGTHS, cut_in_many_ways, decode_segment, sample_video
from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS, SPARSE_RATES, SPARSE_SPECS, make_sparse_video
from tests.stand_ins.videos import VideoSpec, copy_packets, make_video
from videoengine.errors import JobFailed
from videoengine.segments import Segment
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

FEW_FRAMES = 20
"""Longer videos are cut after every single frame only in CI and by `tests.sampling_report`."""

CODECS = {
    "H.264": VideoSpec("mp4", "libx264", options={"preset": "ultrafast"}),
    "H.264 in MKV": VideoSpec("matroska", "libx264"),
    "HEVC": VideoSpec("mp4", "libx265", options={"preset": "ultrafast", "x265-params": "log-level=none:pools=1"}),
    "VP8": VideoSpec("webm", "libvpx", options={"deadline": "realtime", "cpu-used": "8"}),
    "VP9": VideoSpec("webm", "libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
    "AV1": VideoSpec("mp4", "libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    "MPEG-4": VideoSpec("mp4", "mpeg4"),
    "MPEG-4 in AVI": VideoSpec("avi", "mpeg4"),
}
REORDERING = {"libx264", "libx265", "mpeg4"}

IN_FRAGMENTS = VideoSpec(container_options={"movflags": "frag_keyframe+empty_moov"}, texture=True)
CUT_OFF = {
    "MP4 in fragments": IN_FRAGMENTS,
    "MKV": VideoSpec("matroska", texture=True),
    "live MKV": VideoSpec("matroska", container_options={"live": "1"}, texture=True),
    "WebM": VideoSpec("webm", "libvpx", texture=True),
}


@cache
def make_awkward(name: str) -> bytes:
    return AWKWARD_VIDEOS[name]()


@cache
def make_cut_off(name: str) -> bytes:
    return make_video(CUT_OFF[name])


deterministic = settings(derandomize=True, max_examples=count_examples(40))


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD_VIDEOS)
def test_every_cut_gives_the_frames_that_the_rule_selects_from_a_sequential_decode(name: str) -> None:
    check_sampling(make_awkward(name), Fraction(1), Fraction(5), INFER_FPS_MAX)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rate"), list(zip(SPARSE_SPECS, itertools.cycle(SPARSE_RATES), strict=False)))
def test_a_few_frames_of_each_second_are_those_of_a_sequential_decode(name: str, rate: Fraction) -> None:
    check_sampling(make_sparse_video(name, rate), Fraction(1), Fraction(5))


def check_sampling(video: bytes, *rates: Fraction) -> None:
    shown, decoded = read_plainly(video), set[Segment]()
    for infer_fps in rates:
        timeline, frames = sample_video(video, infer_fps)
        times = [(timestamp - timeline.timestamps[0]) * timeline.time_base for timestamp in timeline.timestamps]
        assert times == [frame.time for frame in shown]
        offsets = [frame.frame_offset for frame in frames]
        assert offsets == sample_plainly(shown, min(infer_fps, timeline.frame_rate))
        assert [frame.time_offset for frame in frames] == [round(float(times[offset]), 4) for offset in offsets]
        lengths = SEGMENT_LENGTHS if IN_CI or len(frames) <= FEW_FRAMES else SEGMENT_LENGTHS[-2:]
        for segment in itertools.chain(*cut_in_many_ways(frames, timeline, lengths)):
            if segment not in decoded:
                assert decode_segment(video, segment) == [shown[frame.frame_offset].digest for frame in segment.frames]
                decoded.add(segment)


@st.composite
def video_specs(draw: st.DrawFn) -> VideoSpec:
    spec = replace(draw(st.sampled_from(list(CODECS.values()))), frames=draw(st.integers(1, 40)), texture=True)
    options = dict(spec.options)
    if spec.codec in REORDERING:
        options["bf"] = str(draw(st.integers(0, 4)))
    spec = replace(spec, keyframe_every=draw(st.integers(1, 30)), options=options)
    if spec.codec == "libx264":
        spec = replace(spec, keyframes=draw(st.sets(st.integers(1, 40), max_size=5)))
    # An AVI with reordered frames can't have a variable frame rate.
    if (spec.format == "avi" and options["bf"] != "0") or draw(st.booleans()):
        return replace(spec, rate=draw(st.sampled_from([Fraction(10), Fraction(179, 6), Fraction(30000, 1001)])))
    first, *gaps = draw(st.lists(st.integers(1, 400), min_size=spec.frames, max_size=spec.frames))
    times = [first - draw(st.integers(0, 800))]
    for gap in gaps:
        times.append(times[-1] + gap)
    return replace(spec, timestamps=times)


@pytest.mark.slow
@deterministic
@given(
    spec=video_specs(),
    infer_fps=st.fractions(min_value=1, max_value=30, max_denominator=1001),
    cuts=st.sets(st.integers(1, 200), max_size=6),
)
def test_any_cut_of_any_video_gives_the_frames_of_a_sequential_decode(
    spec: VideoSpec, infer_fps: Fraction, cuts: set[int]
) -> None:
    video = make_video(spec)
    shown = read_plainly(video)
    if not shown:
        # All frames are before time 0.
        with pytest.raises(JobFailed, match="no frames"):
            sample_video(video, infer_fps)
        return
    timeline, frames = sample_video(video, infer_fps)
    assert [frame.frame_offset for frame in frames] == sample_plainly(shown, min(infer_fps, timeline.frame_rate))
    borders = sorted({0, len(frames)} | {cut for cut in cuts if cut < len(frames)})
    for start, end in itertools.pairwise(borders):
        segment = Segment(tuple(frames[start:end]))
        assert decode_segment(video, segment) == [shown[frame.frame_offset].digest for frame in segment.frames]


@pytest.mark.slow
@deterministic
@given(name=st.sampled_from(list(CUT_OFF)), share=st.floats(0, 1))
def test_a_truncated_file_is_sampled_up_to_its_end_or_refused(name: str, share: float) -> None:
    video = make_cut_off(name)
    video = video[: int(share * len(video))]
    try:
        sample_video(video, INFER_FPS_MAX)
    except JobFailed:
        with pytest.raises((av.error.FFmpegError, StopIteration, AssertionError)):
            assert read_plainly(video)
    else:
        check_sampling(video, INFER_FPS_MAX)


@deterministic
@given(name=st.sampled_from(list(AWKWARD_VIDEOS)), seed=st.integers(0, 2**32))
def test_damage_causes_neither_a_crash_nor_frames_that_were_not_requested(name: str, seed: int) -> None:
    damaged, generator = bytearray(make_awkward(name)), random.Random(seed)  # noqa: S311  not a secret
    for _ in range(generator.choice([1, 3, 10])):
        start = generator.randrange(len(damaged))
        end = min(start + generator.choice([1, 8, 100, 1000]), len(damaged))
        damaged[start:end] = generator.randbytes(end - start)
    try:
        _, frames = sample_video(bytes(damaged), Fraction(1))
        found = decode_segment(bytes(damaged), Segment(tuple(frames[:200])))
    except JobFailed:
        return
    assert len(found) == len(frames[:200])


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux alone has it")
def test_encoding_av1_keeps_the_thread_s_scheduling_policy() -> None:
    before = os.sched_getscheduler(0)
    make_video(CODECS["AV1"])
    assert os.sched_getscheduler(0) == before


KNOWN_DAMAGE = {
    "the decoder is out of memory": ("AV1 in WebM", 0.5, b"\xff" * 40),
    "the index can't be sought": ("MPEG-4 with B-frames in AVI", 0.5, bytes(400)),
}


@pytest.mark.parametrize(("name", "share", "damage"), KNOWN_DAMAGE.values(), ids=KNOWN_DAMAGE)
def test_damage_with_its_own_kind_of_error_costs_only_some_frames(name: str, share: float, damage: bytes) -> None:
    video = bytearray(make_awkward(name))
    start = int(len(video) * share)
    video[start : start + len(damage)] = damage
    _, frames = sample_video(bytes(video), INFER_FPS_MAX)
    assert any(decode_segment(bytes(video), Segment(tuple(frames))))


def test_an_unreadable_fragment_ends_the_video() -> None:
    video = make_video(IN_FRAGMENTS)
    shown = read_plainly(video)
    *_, third = itertools.islice(re.finditer(b"trun.{16}", video, re.DOTALL), 3)
    # The file says that its first frame has 2 GiB.
    hit = video[: third.end()] + b"\x7f\xff\xff\xff" + video[third.end() + 4 :]
    _, frames = sample_video(hit, INFER_FPS_MAX)
    assert len(frames) == 24
    assert decode_segment(hit, Segment(tuple(frames))) == [frame.digest for frame in shown[:24]]


class Unreachable(io.BytesIO):
    """A file on a connection that fails halfway."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > len(self.getvalue()) // 2:
            raise ConnectionError
        return super().read(size)


@pytest.mark.slow
def test_a_failing_connection_does_not_end_the_video() -> None:
    file = Unreachable(make_video(VideoSpec("matroska", frames=60, width=320, height=240, texture=True)))
    with open_video(file) as container, pytest.raises(ConnectionError):
        read_timeline(container)


WRONG_LENGTH = "wrong length"


@pytest.mark.slow
@pytest.mark.parametrize("container_format", ["mp4", "matroska"])
@pytest.mark.parametrize("damage", ["some bytes", WRONG_LENGTH])
def test_damage_costs_no_frame_of_another_group_of_pictures(container_format: str, damage: str) -> None:
    video = make_video(VideoSpec(container_format, texture=True))
    shown = read_plainly(video)
    timeline, frames = sample_video(video, INFER_FPS_MAX)
    hit, place = bytearray(video), 0
    with av.open(io.BytesIO(video), "r") as container:
        for packet in container.demux(video=0):
            place = video.index(bytes(packet), place)
            if packet.pts and timeline.keyframes[1] < packet.pts < timeline.keyframes[2]:
                start, end = place + packet.size // 2, place + packet.size
                if damage == WRONG_LENGTH:
                    start, end = place, place + 4
                hit[start:end] = b"\xff" * (end - start)
    assert hit != video
    for segments in cut_in_many_ways(frames, timeline):
        for segment in segments:
            for frame, found in zip(segment.frames, decode_segment(bytes(hit), segment), strict=True):
                if frame.keyframe != timeline.keyframes[1]:
                    assert found == shown[frame.frame_offset].digest


REMUXED = ("mov", "ipod", "3gp", "3g2", "mpegts")


@pytest.mark.slow
@pytest.mark.parametrize("container_format", REMUXED)
@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30_000, 1001)])
def test_a_copy_in_another_container_gives_the_samples_of_the_mp4(rate: Fraction, container_format: str) -> None:
    original = make_video(VideoSpec(rate=rate, texture=True))
    video = copy_packets(original, container_format)
    for infer_fps in (Fraction(1), Fraction(5), Fraction(24)):
        assert list_samples(video, infer_fps) == list_samples(original, infer_fps)


def list_samples(video: bytes, infer_fps: Fraction) -> list[tuple[int, float, str | None]]:
    _, frames = sample_video(video, infer_fps)
    digests = decode_segment(video, Segment(tuple(frames)))
    return [(frame.frame_offset, frame.time_offset, digest) for frame, digest in zip(frames, digests, strict=True)]
