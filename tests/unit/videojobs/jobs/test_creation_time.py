"""The creation time in a container: the same as FFmpeg reads, by few small reads, whatever the file contains."""

import io
import random
import struct
from datetime import UTC, datetime
from functools import cache

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import mutate
from tests.stand_ins.videos import VideoSpec, make_video
from videojobs.jobs.creation_time import BLOCK_BYTES, READS_MAX, read_creation_time

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TIME = datetime(2026, 11, 28, 21, 0, 5, tzinfo=UTC)
SINCE_1904 = int((TIME - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())

SPECS = {
    "MP4 with its index at the end": VideoSpec(),
    "MP4 with its index first": VideoSpec(container_options={"moov_size": "4000"}),
    "MP4 in fragments": VideoSpec(container_options={"movflags": "frag_keyframe+empty_moov"}),
    "MOV": VideoSpec(format="mov"),
    "MKV": VideoSpec(format="matroska"),
    "MKV with room for an index": VideoSpec(format="matroska", container_options={"reserve_index_space": "100000"}),
    "live MKV": VideoSpec(format="matroska", container_options={"live": "1"}),
    "WebM": VideoSpec(format="webm", codec="libvpx"),
    "AVI": VideoSpec(format="avi", codec="mjpeg", pixel_format="yuvj420p"),
}


@cache
def make(name: str, creation_time: str = TIME.isoformat()) -> bytes:
    spec = SPECS[name]
    return make_video(VideoSpec(**{**vars(spec), "frames": 8, "creation_time": creation_time}))


class Reads:
    """A file that counts its reads."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.count = 0

    def __call__(self, start: int, length: int) -> bytes:
        self.count += 1
        assert 0 < length <= BLOCK_BYTES
        assert 0 <= start <= start + length <= len(self.content)
        assert self.count <= READS_MAX
        return self.content[start : start + length]


def read(content: bytes) -> datetime | None:
    return read_creation_time(Reads(content), len(content), NOW)


def read_with_ffmpeg(content: bytes) -> datetime | None:
    with av.open(io.BytesIO(content)) as container:
        text = container.metadata.get("creation_time")
    return datetime.fromisoformat(text) if text else None


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)


def large_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def mvhd(seconds: int, version: int = 0) -> bytes:
    return box(b"mvhd", bytes([version, 0, 0, 0]), seconds.to_bytes(8 if version else 4), bytes(92))


FTYP = box(b"ftyp", b"isom", bytes(4))


@pytest.mark.parametrize("name", [name for name in SPECS if name != "AVI"])
def test_the_time_is_the_one_that_ffmpeg_reads(name: str) -> None:
    reads = Reads(make(name))

    assert read_creation_time(reads, len(reads.content), NOW) == TIME == read_with_ffmpeg(reads.content)
    assert reads.count <= 2


@pytest.mark.parametrize("name", SPECS)
def test_a_file_without_a_time_has_none(name: str) -> None:
    content = make(name, "")
    assert read(content) is None
    assert read_with_ffmpeg(content) is None


def test_an_avi_has_none() -> None:
    assert read(make("AVI")) is None


@pytest.mark.parametrize(
    ("content", "time"),
    [
        (FTYP + box(b"moov", mvhd(SINCE_1904)), TIME),
        (FTYP + box(b"moov", mvhd(SINCE_1904, version=1)), TIME),
        (FTYP + large_box(b"mdat", bytes(20_000)) + large_box(b"moov", mvhd(SINCE_1904)), TIME),
        (FTYP + box(b"moov", box(b"udta", bytes(9000)), mvhd(SINCE_1904)), TIME),
        (box(b"wide") + box(b"mdat", bytes(9000)) + struct.pack(">I4s", 0, b"moov") + mvhd(SINCE_1904), TIME),
        (FTYP + box(b"moov", mvhd(int(TIME.timestamp()))), TIME),  # counted from 1970, as some programs do
        (FTYP + box(b"moov", mvhd(0)), None),
        (FTYP + box(b"moov", mvhd(1)), None),
        (FTYP + box(b"moov", mvhd(2**32 - 1)), None),
        (FTYP + box(b"moov", mvhd(2**64 - 1, version=1)), None),
        (FTYP + box(b"moov", mvhd(SINCE_1904 + 86_400 * 3)), None),  # two days from now
        (FTYP + box(b"moov", box(b"trak", bytes(8))), None),
        (FTYP + box(b"free") * 100_000 + box(b"moov", mvhd(SINCE_1904)), None),  # too many reads
        (FTYP + struct.pack(">I4s", 7, b"free") + box(b"moov", mvhd(SINCE_1904)), None),
        (FTYP + struct.pack(">I4sQ", 1, b"free", 3), None),
        (FTYP + struct.pack(">I4s", 2**31, b"mdat") + bytes(100), None),
        (b"", None),
        (b"ftyp", None),
        (b"RIFF\0\0\0\0AVI LIST", None),
    ],
)
def test_odd_files(content: bytes, time: datetime | None) -> None:
    assert read(content) == time


def test_a_file_of_many_boxes_takes_few_reads() -> None:
    reads = Reads(FTYP + b"".join(box(b"free", bytes(9000)) for _ in range(50)))
    assert read_creation_time(reads, len(reads.content), NOW) is None
    assert reads.count == READS_MAX


def test_a_failing_read_is_raised() -> None:
    def fail(_start: int, _length: int) -> bytes:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        read_creation_time(fail, 100, NOW)


@given(seed=st.integers(0, 2**32), name=st.sampled_from(list(SPECS)), other=st.sampled_from(list(SPECS)))
def test_damaged_files_neither_raise_nor_take_many_reads(seed: int, name: str, other: str) -> None:
    read(mutate(make(name), make(other), random.Random(seed)))  # noqa: S311


@given(
    st.binary(max_size=300), st.sampled_from([b"", FTYP, FTYP + struct.pack(">I4s", 0, b"moov"), b"\x1a\x45\xdf\xa3"])
)
def test_any_bytes_neither_raise_nor_take_many_reads(content: bytes, beginning: bytes) -> None:
    read(beginning + content)
