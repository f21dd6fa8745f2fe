"""Opening an MP4 in fragments."""

from typing import Any

import pytest

from tests.fuzz.job import BUCKET, Store
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine import fragment_reader
from videoengine.fragment_offsets import find_fragments
from videoengine.fragment_reader import FragmentReader
from videoengine.s3_file import MAX_RANGES, S3Object
from videoengine.video_file import open_video

BLOCK_BYTES = 4096
SPEC = VideoSpec(
    frames=400,
    keyframe_every=40,
    texture=True,
    options={"crf": "5", "preset": "ultrafast"},
    container_options={"movflags": "frag_keyframe+empty_moov"},
)


@pytest.fixture(autouse=True)
def short_beginnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragment_reader, "BEGINNING_BYTES", 1024)


class RecordingStore(Store):
    """Records where reads begin, and how many bytes they have."""

    def __init__(self, video: bytes) -> None:
        super().__init__()
        self.objects["video"] = video
        self.reads: list[tuple[int, int]] = []

    def get_object(self, Bucket: str, Key: str, Range: str = "", IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        self.reads.append((first, last + 1 - first))
        return super().get_object(Bucket, Key, Range, IfMatch)


def open_and_read(video: bytes) -> tuple[list[tuple[int | None, bytes]], list[tuple[int, int]]]:
    """Returns all packets, and the reads until the video was open."""
    s3: Any = RecordingStore(video)
    with (
        S3Object(s3, BUCKET, "video", BLOCK_BYTES) as file,
        FragmentReader(file) as reader,
        open_video(reader) as container,
    ):
        reads = list(s3.reads)
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0)], reads


def find(video: bytes) -> list[int]:
    return find_fragments(lambda start, length: video[start:][:length], len(video))


def test_fragments_that_the_file_lists_are_read_shortly_and_ahead() -> None:
    video = make_video(SPEC)
    fragments = find(video)[1:]
    packets, reads = open_and_read(video)
    assert len(packets) == 401
    assert set(reads) >= {(offset, 1024) for offset in fragments}
    unlisted, blocks = open_and_read(video[: video.index(b"mfra") - 4])
    assert unlisted == packets
    assert sum(length for _, length in reads) < sum(length for _, length in blocks)


def test_fragments_that_the_file_does_not_list_are_read_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(SPEC)
    fragments, unlisted = find(video)[1:], video[: video.index(b"mfra") - 4]
    packets, blocks = open_and_read(unlisted)
    monkeypatch.setattr(fragment_reader, "LONG_JUMP_BYTES", BLOCK_BYTES)
    found, reads = open_and_read(unlisted)
    assert found == packets
    assert set(reads) >= {(offset, 1024) for offset in fragments}
    assert sum(length for _, length in reads) < sum(length for _, length in blocks)


def test_a_jump_into_the_media_is_the_last_short_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragment_reader, "LONG_JUMP_BYTES", BLOCK_BYTES)
    s3: Any = RecordingStore(
        make_video(VideoSpec(frames=200, texture=True, container_options={"movflags": "frag_keyframe+empty_moov"}))[
            :-200
        ]
    )
    with S3Object(s3, BUCKET, "video", BLOCK_BYTES) as file, FragmentReader(file) as reader:
        reader.read(2000)
        for place in (20_000, 40_000, 60_000):
            reader.seek(place)
            assert reader.read(10) == s3.objects["video"][place:][:10]
    assert [length for _, length in s3.reads].count(1024) == 1


def test_a_wrong_list_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(SPEC)
    packets, _ = open_and_read(video)
    monkeypatch.setattr(fragment_reader, "find_fragments", lambda *_: list(range(0, len(video), 10)))
    found, reads = open_and_read(video)
    assert found == packets
    assert len([length for _, length in reads if length == 1024]) <= MAX_RANGES + 4


def test_a_video_without_fragments_is_read_as_it_is() -> None:
    video = make_video(VideoSpec())
    packets, reads = open_and_read(video)
    assert len(packets) == 61
    assert all(length <= BLOCK_BYTES and start % BLOCK_BYTES == 0 for start, length in reads)
