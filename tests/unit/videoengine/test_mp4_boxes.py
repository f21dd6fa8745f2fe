"""What the index of an MP4 or MOV says of its video, beside what FFmpeg says."""

import io
import struct
from dataclasses import replace

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from videoengine import mp4_boxes
from videoengine.mp4_boxes import MAX_BOXES, VideoTrack, find_boxes, read_video_track

SPEC = VideoSpec(frames=30)
VIDEO = make_video(SPEC)
FORMS = {
    "index last": VIDEO,
    "index first": put_index_first(VIDEO),
    "MOV": make_video(replace(SPEC, format="mov")),
    "with sound": make_video(replace(SPEC, audio=True)),
    "variable frame rate": make_video(replace(SPEC, timestamps=[index * index for index in range(30)])),
    "MPEG-4": make_video(replace(SPEC, codec="mpeg4")),
}


def read(content: bytes) -> VideoTrack | None:
    return read_video_track(io.BytesIO(content), len(content))


def make_box(kind: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">I4s", 8 + len(joined), kind) + joined


@pytest.mark.parametrize("form", FORMS)
def test_the_description_is_ffmpeg_s(form: str) -> None:
    with av.open(io.BytesIO(FORMS[form])) as container:
        stream = container.streams.video[0]
        assert stream.duration
        assert stream.time_base
        expected = (float(stream.duration * stream.time_base), stream.frames, stream.width * stream.height)
    track = read(FORMS[form])
    assert track
    assert (track.seconds, track.frames, track.pixels) == pytest.approx(expected)


def make_track(
    frames: int, *, seconds: int = 90, shape: tuple[int, int] = (1920, 1080), table: bytes = b"stsz"
) -> bytes:
    """A track whose index has numbers of eight bytes where it may."""
    header = make_box(b"tkhd", bytes(88), struct.pack(">HHHH", shape[0], 0, shape[1], 0))
    times = make_box(b"mdhd", b"\1", bytes(3 + 16), struct.pack(">IQ", 1000, seconds * 1000), bytes(4))
    handler = make_box(b"hdlr", bytes(8), b"vide", bytes(12))
    sizes = make_box(b"minf", make_box(b"stbl", make_box(table, bytes(8), struct.pack(">I", frames))))
    return make_box(b"trak", header, make_box(b"mdia", times, handler, sizes))


@pytest.mark.parametrize("table", [b"stsz", b"stz2"])
def test_long_times_and_sizes_have_eight_bytes(table: bytes) -> None:
    index = make_track(2_700_000, seconds=90_000_000, table=table)
    media = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + bytes(5)
    content = make_box(b"ftyp", b"isom") + media + struct.pack(">I4s", 0, b"moov") + index
    assert read(content) == VideoTrack(90_000_000.0, 2_700_000, 1920 * 1080)


def test_the_track_with_the_most_frames_counts() -> None:
    tracks = make_track(1), make_track(900, shape=(640, 480)), make_track(30)
    assert read(make_box(b"moov", *tracks)) == VideoTrack(90.0, 900, 640 * 480)


def test_a_file_may_return_less_than_is_asked_for() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1))

    assert read_video_track(Slow(VIDEO), len(VIDEO)) == read(VIDEO)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all",
        make_video(replace(SPEC, format="matroska")),
        make_video(replace(SPEC, container_options={"movflags": "frag_keyframe+empty_moov"})),
        VIDEO[: VIDEO.index(b"moov") - 4],
        make_box(b"moov", make_box(b"trak")),
        make_box(b"free") * MAX_BOXES + FORMS["index first"],
        make_box(b"moov", make_track(900).replace(struct.pack(">IQ", 1000, 90_000), bytes(12))),
        make_box(b"moov", struct.pack(">I4sQ", 1, b"trak", 2**64 - 1), struct.pack(">I4sQ", 1, b"free", 2**63 - 1)),
        make_box(b"moov", make_track(900)[:-1]),
        make_box(b"moov", make_track(900).replace(b"hdlr", b"free")),
        make_box(b"moov", make_box(b"trak", struct.pack(">I4sQ", 1, b"mdia", 12))),
    ],
    ids=[
        *("empty", "text", "MKV", "fragments", "without its index", "empty track", "hidden behind boxes"),
        *("no clock", "sizes beyond 2^63", "cut off", "of unknown kind", "size within its header"),
    ],
)
def test_other_files_have_no_description(content: bytes) -> None:
    assert read(content) is None


def test_an_index_of_hours_is_read() -> None:
    index = make_box(b"moov", make_box(b"udta", bytes(20_000_000)), make_track(1_000_000))
    assert read(index) == VideoTrack(90.0, 1_000_000, 1920 * 1080)


def test_an_index_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_boxes, "MAX_INDEX_BYTES", 100)
    assert read(VIDEO) is None


LONG = make_box(b"moov", make_track(900), struct.pack(">I4sQ", 1, b"trak", 16 + 100), make_track(30)[:100])


@pytest.mark.parametrize("video", [VIDEO[VIDEO.index(b"moov") - 4 :], LONG], ids=["of FFmpeg", "long sizes"])
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255))))
def test_a_damaged_index_is_read_without_an_error(video: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(video)
    for place, value in changes:
        damaged[place % len(video)] = value
    read(bytes(damaged))


@given(st.binary(max_size=200), st.integers(0, 250))
def test_boxes_are_found_in_order_and_end(content: bytes, end: int) -> None:
    place = 0
    for _, start, box_end in find_boxes(io.BytesIO(content), 0, end):
        assert place < start <= box_end
        place = box_end
