"""The index of fragments at the end of an MP4."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.fragment_offsets import find_fragments


def find(video: bytes) -> list[int]:
    return find_fragments(lambda start, length: video[start:][:length], len(video))


@pytest.mark.parametrize("audio", [False, True])
def test_ffmpeg_lists_all_fragments(*, audio: bool) -> None:
    video = make_video(VideoSpec(audio=audio, container_options={"movflags": "frag_keyframe+empty_moov"}))
    fragments = [match.start() - 4 for match in re.finditer(b"moof", video)]
    assert len(fragments) >= 5
    assert set(find(video)) <= set(fragments)
    assert len(find(video)) >= 5


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("sizes", [0, 0b011011])
def test_numbers_of_all_sizes_are_read(version: int, sizes: int) -> None:
    number, rest = ("Q" if version else "I"), 3 + sum(sizes >> shift & 3 for shift in (0, 2, 4))
    entries = b"".join(struct.pack(f">{number}{number}", 1000, offset) + bytes(rest) for offset in (300, 100))
    table = box(b"tfra", struct.pack(">BxxxIII", version, 1, sizes, 2) + entries)
    index = box(b"mfra", table + box(b"mfro", struct.pack(">II", 0, len(table) + 24)))
    assert find(bytes(1000) + index) == [100, 300]


def test_a_file_without_the_index_has_none() -> None:
    assert find(make_video(VideoSpec(frames=2))) == find(b"") == find(b"mfro") == []


@given(content=st.binary(max_size=80), length=st.integers(0, 200))
def test_damage_gives_offsets_within_the_file(content: bytes, length: int) -> None:
    video = content + box(b"mfro", struct.pack(">II", 0, length))
    assert all(0 <= offset < len(video) for offset in find(video))
    table = box(b"tfra", content)
    assert all(offset < 300 for offset in find(table + box(b"mfro", struct.pack(">II", 0, len(table) + 16))))
