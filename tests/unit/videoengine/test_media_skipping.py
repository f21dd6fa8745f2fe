"""Planning an MP4 without reading its media."""

import io
from dataclasses import replace
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import plans
from tests.fuzz.job import BUCKET, Store
from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from videoengine import fragment_reader, media_skipping
from videoengine.media_skipping import MediaSkipper, SkippedSample
from videoengine.packets import starts_decoding
from videoengine.s3_file import S3Object
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

LONG = VideoSpec(frames=800, keyframe_every=100, texture=True, options={"crf": "5", "preset": "ultrafast"})
DASH = VideoSpec(frames=120, container_options={"movflags": "dash+delay_moov", "frag_duration": "500000"}, texture=True)
SKIPPED = ("H.264 in MP4", "HEVC whose pictures refer across keyframes", "MP4 in fragments", "a cover before the video")
READ = ("VP9 in MP4", "AV1 in MP4", "MPEG-4 in MP4", "H.264 in AVI", "VP8 in WebM", "MPEG-TS: H.264 in MP4")


@pytest.fixture(autouse=True)
def small_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_skipping, "MIN_BYTES_PER_KEYFRAME", 0)
    monkeypatch.setattr(media_skipping, "HEAD_BYTES", 64)
    monkeypatch.setattr(fragment_reader, "BEGINNING_BYTES", 512)


class CountingStore(Store):
    """Counts the bytes that are read."""

    read_bytes = 0

    def get_object(self, Bucket: str, Key: str, Range: str = "", IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        answer = super().get_object(Bucket, Key, Range, IfMatch)
        self.read_bytes += answer["Body"]._content_length
        return answer


def plan(video: bytes) -> tuple[Timeline, int]:
    """Returns the timeline and the number of bytes that were read."""
    s3: Any = CountingStore()
    s3.objects["video"] = video
    with S3Object(s3, BUCKET, "video", 4096) as file, MediaSkipper(file) as skipper, open_video(skipper) as container:
        return read_timeline(container, skipper), s3.read_bytes


def read(video: bytes) -> Timeline:
    with open_video(io.BytesIO(video)) as container:
        return read_timeline(container)


@pytest.mark.parametrize("name", [*SKIPPED, *READ])
def test_the_timeline_is_that_of_the_whole_file(name: str) -> None:
    video = AWKWARD_VIDEOS[name]()
    comparison = plans.compare(video)
    assert comparison == plans.Comparison("same timeline", skipped=name in SKIPPED)


@pytest.mark.parametrize("is_index_first", [False, True])
def test_most_of_the_media_is_not_read(*, is_index_first: bool) -> None:
    video = make_video(LONG)
    video = put_index_first(video) if is_index_first else video
    timeline, read_bytes = plan(video)
    assert timeline == read(video)
    assert len(timeline.keyframes) == 8
    assert read_bytes < len(video) / 4


FRAGMENTS = replace(LONG, container_options={"movflags": "frag_keyframe+empty_moov"})


def test_most_of_the_media_of_fragments_is_not_read() -> None:
    video = make_video(FRAGMENTS)
    timeline, read_bytes = plan(video)
    assert timeline == read(video)
    assert len(timeline.keyframes) == 8
    assert read_bytes < len(video) / 4


def test_a_file_whose_keyframes_are_close_together_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(LONG)
    monkeypatch.setattr(media_skipping, "MIN_BYTES_PER_KEYFRAME", len(video) // 8 + 1)
    assert plans.compare(video) == plans.Comparison("same timeline", skipped=False)


def test_an_mp4_with_a_palette_has_only_its_first_keyframe() -> None:
    video = bytearray(AWKWARD_VIDEOS["H.264 in MP4"]())
    video[video.index(b"avc1", video.index(b"stsd")) + 79] = 8  # bits per pixel
    comparison = plans.compare(bytes(video))
    assert comparison == plans.Comparison("same timeline", skipped=True)
    assert len(read(bytes(video)).keyframes) == 1


def test_sound_that_ffmpeg_parses_is_read() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        picture, sound = container.add_stream("libx264", rate=24), container.add_stream("ac3", rate=48_000)
        picture.width, picture.height = 64, 48
        container.mux(picture.encode(av.VideoFrame(64, 48)))
        container.mux([*picture.encode(), *sound.encode()])
    assert not plans.compare(file.getvalue()).skipped


def test_damaged_indexes_give_the_same_timeline_or_failure() -> None:
    found = plans.compare_all(plans.make_originals(), 3, range(120))
    assert all(comparison.outcome.startswith("same") for comparison in found)
    assert found[plans.Comparison("same timeline", skipped=True)] > 40


INDEXED = replace(LONG, container_options={"movflags": "dash+global_sidx+frag_keyframe"})


def test_most_of_the_media_of_fragments_with_an_index_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_skipping, "MAX_EDGE_BYTES", 4096)
    video = make_video(INDEXED)
    timeline, read_bytes = plan(video)
    assert timeline == read(video)
    assert len(timeline.keyframes) == 8
    assert read_bytes < len(video) / 2  # the first two fragments are
    assert plans.compare(video) == plans.Comparison("same timeline", skipped=True)


def test_the_headers_of_fragments_with_an_index_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(INDEXED)
    monkeypatch.setattr(media_skipping, "read_all_but_media", lambda *_: [(0, b"")])
    assert "differs" in plans.compare(video).outcome


def test_many_keyframes_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = CountingStore()
    store.objects["video"] = video = make_video(replace(INDEXED, keyframe_every=10))
    with (
        S3Object(store, BUCKET, "video", 4096) as file,
        MediaSkipper(file) as skipper,
        open_video(skipper) as container,
    ):
        codec = container.streams.video[0].codec_context
        packets = [packet for packet in container.demux(video=0) if packet.size and packet.is_keyframe]
        samples = [SkippedSample(packet.pts or 0, packet.pos or 0, packet.size) for packet in packets]
        monkeypatch.setattr(media_skipping, "HEAD_BYTES", 2048)
        one_by_one = list(skipper.find_starts(samples * 3, codec))
        monkeypatch.setattr(media_skipping, "MIN_BYTES_PER_KEYFRAME", len(video) // 8)
        before = store.read_bytes
        assert list(skipper.find_starts(samples * 3, codec)) == one_by_one
        assert len(one_by_one) == 240
        assert store.read_bytes - before < 4 * len(video)


def test_fragments_of_which_each_has_an_index_are_read() -> None:
    assert plans.compare(make_video(DASH)) == plans.Comparison("same timeline", skipped=False)


@pytest.mark.parametrize("box", media_skipping.LATE_BOXES)
def test_fragments_with_boxes_that_make_ffmpeg_read_more_are_read(box: bytes) -> None:
    video = make_video(INDEXED)
    last = video.rindex(b"tfdt")
    damaged = video[:last] + box + video[last + 4 :]
    comparison = plans.compare(damaged)
    assert comparison.outcome.startswith("same")
    assert not comparison.skipped


@given(
    units=st.lists(st.tuples(st.sampled_from([0x65, 0x41, 0x06, 0x26, 0x40]), st.binary(max_size=12)), max_size=5),
    length=st.integers(0, 60),
    name=st.sampled_from(["h264", "hevc"]),
    has_lengths=st.booleans(),
)
def test_what_the_beginning_of_a_packet_shows_is_true_for_the_packet(
    *, units: list[tuple[int, bytes]], length: int, name: str, has_lengths: bool
) -> None:
    codec: Any = av.CodecContext.create(name, "r")
    if has_lengths:
        codec.extradata = b"\1" + b"\xff" * 30
    contents = [bytes([kind]) + rest for kind, rest in units]
    packet = b"".join((len(it).to_bytes(4) if has_lengths else b"\0\0\1") + it for it in contents)
    assert starts_decoding(packet, codec) >= starts_decoding(packet[:length], codec)
