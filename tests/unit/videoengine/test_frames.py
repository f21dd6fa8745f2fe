"""Frames decoded from a keyframe are the planned frames, whatever the container."""

import io
import itertools
from fractions import Fraction

import av
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame

from tests.stand_ins.videos import VideoSpec, add_silence, brightness, make_video
from videoengine.errors import JobFailed
from videoengine.frames import read_frames
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:keyint=12:scenecut=0"}
JITTER = [index * 40 + index * index * 7 % 37 for index in range(60)]

SPECS = {
    "mp4": VideoSpec(),
    "mp4 with audio": VideoSpec(audio=True),
    "mp4 whose pictures refer across keyframes": VideoSpec(options=OPEN_GOP),
    "mp4 of one keyframe": VideoSpec(keyframe_every=1000),
    "mp4 of a varying frame rate": VideoSpec(timestamps=JITTER),
    "mp4 in fragments": VideoSpec(container_options={"movflags": "frag_keyframe+empty_moov"}),
    "mkv": VideoSpec("matroska"),
    "mkv whose pictures refer across keyframes": VideoSpec("matroska", options=OPEN_GOP),
    "webm": VideoSpec("webm", "libvpx"),
    "avi": VideoSpec("avi", "mpeg4"),
    "avi of reordered frames": VideoSpec("avi", "mpeg4", options={"bf": "2"}),
    "avi of reordered H.264": VideoSpec("avi"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("infer_fps", [5, 24])
def test_every_planned_frame_is_decoded_as_in_the_whole_video(spec: VideoSpec, infer_fps: int) -> None:
    video = make_video(spec)
    with open_video(io.BytesIO(video)) as container:
        expected = [brightness(frame) for frame in container.decode(video=0)]
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
    assert len(timeline.timestamps) == len(expected) == spec.frames

    for segment in itertools.batched(select_frames(timeline, Fraction(infer_fps)), 3, strict=False):
        with open_video(io.BytesIO(video)) as container:
            found = {timestamp: brightness(frame) for timestamp, frame in read_frames(container, segment)}
        assert found == {frame.timestamp: pytest.approx(expected[frame.frame_offset]) for frame in segment}


@pytest.mark.parametrize(
    ("spec", "frame_rate"),
    [(VideoSpec(), Fraction(24)), (VideoSpec("matroska", rate=Fraction(30000, 1001)), Fraction(30000, 1001))],
    ids=["mp4", "mkv"],
)
def test_the_frame_rate_is_the_container_s(spec: VideoSpec, frame_rate: Fraction) -> None:
    with open_video(io.BytesIO(make_video(spec))) as container:
        assert read_timeline(container).frame_rate == frame_rate


def test_damage_costs_only_the_damaged_frames() -> None:
    video = bytearray(make_video(VideoSpec("avi", "mpeg4")))
    with open_video(io.BytesIO(bytes(video))) as container:
        timeline = read_timeline(container)
    middle = len(video) // 2
    video[middle : middle + 40] = bytes(40)
    planned = select_frames(timeline, Fraction(24))
    with open_video(io.BytesIO(bytes(video))) as container:
        found = dict(read_frames(container, planned))
    assert 40 < len(found) <= 60
    assert brightness(found[0]) == pytest.approx(20, abs=3)
    assert brightness(found[59]) == pytest.approx(20 + 2 * 59, abs=3)


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is text\n" * 100, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", bytes(5000)]
)
def test_a_file_that_is_not_a_video_fails_the_job(content: bytes) -> None:
    with pytest.raises(JobFailed, match="not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video"):
        open_video(io.BytesIO(content))


def test_a_video_truncated_before_its_index_fails_the_job() -> None:
    video = make_video(VideoSpec())
    with pytest.raises(
        JobFailed, match="not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video, or is cut off"
    ):
        open_video(io.BytesIO(video[: video.index(b"moov")]))


@pytest.mark.parametrize("container_format", ["asf", "flv"])
def test_other_containers_fail_the_job(container_format: str) -> None:
    with pytest.raises(JobFailed, match="not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video"):
        open_video(io.BytesIO(make_video(VideoSpec(container_format))))


def test_a_video_truncated_inside_its_index_fails_the_job() -> None:
    video = make_video(VideoSpec())
    with (
        open_video(io.BytesIO(video[: video.rindex(b"trak")])) as container,
        pytest.raises(JobFailed, match=r"^The file has no video stream, or is cut off$"),
    ):
        read_timeline(container)


def test_sound_alone_fails_the_job() -> None:
    with open_video(io.BytesIO(make_sound())) as container, pytest.raises(JobFailed, match="no video stream"):
        read_timeline(container)


def test_sound_with_a_cover_fails_the_job() -> None:
    with av.open(io.BytesIO(make_sound(with_cover=True)), "r") as container:
        assert container.streams.video
    with (
        open_video(io.BytesIO(make_sound(with_cover=True))) as container,
        pytest.raises(JobFailed, match="no video stream"),
    ):
        read_timeline(container)


def make_sound(*, with_cover: bool = False) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        if with_cover:
            cover = container.add_stream("png", rate=1)
            cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
            cover.disposition = Disposition.attached_pic
        add_silence(container)
        if with_cover:
            container.mux(cover.encode(VideoFrame(16, 16, "rgb24")))
            container.mux(cover.encode())
    return file.getvalue()


def test_a_video_without_frames_fails_the_job() -> None:
    # An edit list cuts off everything before time 0.
    video = make_video(VideoSpec(frames=2, timestamps=[-80, -40]))
    with open_video(io.BytesIO(video)) as container, pytest.raises(JobFailed, match="no frames"):
        read_timeline(container)


def test_an_unknown_codec_fails_the_job() -> None:
    video = make_video(VideoSpec()).replace(b"avc1", b"zzzz")
    with open_video(io.BytesIO(video), max_pixels=10_000) as container, pytest.raises(JobFailed, match="codec"):
        read_timeline(container)


def test_a_damaged_description_of_the_codec_fails_the_job() -> None:
    video = make_video(VideoSpec("matroska", "libx265", options={"x265-params": "log-level=none"}))
    start = video.index(b"\x63\xa2") + 10  # CodecPrivate
    video = video[:start] + b"\xff" * 60 + video[start + 60 :]
    with open_video(io.BytesIO(video)) as container:
        frames = select_frames(read_timeline(container), Fraction(1))
        with pytest.raises(JobFailed, match="can't be decoded"):
            next(read_frames(container, frames))
