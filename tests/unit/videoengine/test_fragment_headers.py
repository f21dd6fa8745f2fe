"""Finding what is not media in an MP4 in fragments with an index."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.job import BUCKET, Store
from videoengine import fragment_headers
from videoengine.fragment_headers import Part, find_indexed_fragments, read_all_but_media
from videoengine.s3_file import S3Object


def make_box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


def make_index(sizes: list[int], distance: int = 0, version: int = 0) -> bytes:
    """A `sidx` box: version and flags, id, time scale, earliest time, distance, reserved, count, and the references."""
    width = 8 if version else 4
    references = b"".join(size.to_bytes(4) + bytes(8) for size in sizes)
    numbers = bytes([version, 0, 0, 0]) + bytes(8) + bytes(width) + distance.to_bytes(width) + bytes(2)
    return make_box(b"sidx", numbers + len(sizes).to_bytes(2) + references)


def read_parts(video: bytes) -> list[Part]:
    s3: Any = Store()
    s3.objects["video"] = video
    with S3Object(s3, BUCKET, "video", 4096) as file:
        edges = find_indexed_fragments(video)
        return read_all_but_media(file, video, edges) if edges else []


HEAD = make_box(b"ftyp", b"iso6") + make_box(b"moov", bytes(50))
LARGE_MEDIA = b"\0\0\0\1mdat" + (16 + 300).to_bytes(8) + b"m" * 300
FRAGMENTS = [
    make_box(b"moof", b"1" * 40) + make_box(b"mdat", b"m" * 500),
    make_box(b"styp") + make_box(b"moof", b"2" * 90) + LARGE_MEDIA,
    make_box(b"moof", b"3" * 5000) + make_box(b"mdat", b"m" * 100),
]
SIZES = list(map(len, FRAGMENTS))


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("rest", [b"", make_box(b"mfra", bytes(20))])
def test_all_but_the_media_is_kept(version: int, rest: bytes) -> None:
    beginning = HEAD + make_index(SIZES, distance=8, version=version) + make_box(b"free")
    video = beginning + b"".join(FRAGMENTS) + rest
    parts = read_parts(video)
    assert all(video[start:].startswith(content) for start, content in parts)
    media = bytearray(video)
    for start, content in parts:
        media[start : start + len(content)] = b""[:0].ljust(len(content), b"-")
    assert bytes(media).replace(b"-", b"") == b"m" * 900


TWO_INDEXES = [make_index(SIZES, distance=len(make_index(SIZES))), make_index(SIZES)]


def test_several_indexes_may_list_the_same_fragments() -> None:
    assert len(read_parts(HEAD + b"".join(TWO_INDEXES + FRAGMENTS))) == 4


@pytest.mark.parametrize(
    "video",
    [
        HEAD + b"".join(FRAGMENTS),
        HEAD + make_index([]) + b"".join(FRAGMENTS),
        HEAD + make_index([SIZES[0] + 1, *SIZES[1:]]) + b"".join(FRAGMENTS),
        HEAD + make_index([SIZES[0] + SIZES[1], SIZES[2]]) + b"".join(FRAGMENTS),
        HEAD + make_index(SIZES, distance=1) + b"".join(FRAGMENTS),
        HEAD + make_index([*SIZES[:2], SIZES[2] | 1 << 31]) + b"".join(FRAGMENTS),
        HEAD + make_index(SIZES) + b"".join(FRAGMENTS)[:-1],
        HEAD + make_index(SIZES[1:], distance=SIZES[0]) + b"".join(FRAGMENTS),
        HEAD + make_box(b"moov", make_index(SIZES)) + make_index(SIZES) + b"".join(FRAGMENTS),
        HEAD + make_index(SIZES) + b"".join([*FRAGMENTS[:2], FRAGMENTS[2].replace(b"moof", b"sidx")]),
        HEAD + make_index(SIZES) + b"".join([*FRAGMENTS[:2], FRAGMENTS[2].replace(b"moof", b"uuid")]),
        HEAD + make_index(SIZES)[:-1] + b"".join(FRAGMENTS),
    ],
)
def test_an_unusual_file_is_left_alone(video: bytes) -> None:
    assert read_parts(video) == []


def test_headers_that_are_too_long_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragment_headers, "HEADER_BYTES", (64, 4096))
    assert read_parts(HEAD + make_index(SIZES) + b"".join(FRAGMENTS)) == []


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_have_fragments_in_order_or_none(content: bytes, place: int) -> None:
    beginning = (HEAD + make_index(SIZES) + FRAGMENTS[0])[:place] + content
    edges = find_indexed_fragments(beginning)
    assert edges == sorted(set(edges))
    assert not edges or edges[0] < len(beginning)
