"""Reads the boxes of an MP4 or MOV (ISO/IEC 14496-12), without FFmpeg and from anywhere in a large file."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

type File = IO[bytes] | io.RawIOBase

MAX_BOXES = 100
"""How many boxes of a file, or of another box, are looked at."""

MAX_INDEX_BYTES = 2**25
"""Maximum size of an index that is read. That of twelve hours has about so much."""

_LONGEST_HEADER, _LONGEST_FIELDS = 16, 128


@dataclass(frozen=True)
class VideoTrack:
    """What an index says of a video stream. It may be damaged or forged.

    Attributes:
        seconds: its length.
        frames: the number of its frames.
        pixels: of a frame.
    """

    seconds: float
    frames: int
    pixels: int


def read_video_track(file: File, size: int) -> VideoTrack | None:
    """Reads the description of the video stream with the most frames.

    Args:
        size: of the file in bytes.

    Returns:
        None if the file is no MP4 or MOV, has its frames in fragments, or an index larger than MAX_INDEX_BYTES.

    Example:
        with S3Object(s3, bucket, key) as file:
            track = read_video_track(file, file.size)
    """
    start, end = _find_first(file, (0, size), b"moov")
    if end - start > MAX_INDEX_BYTES:
        return None
    # Whole, so that a forged file can't cause thousands of requests.
    index = io.BytesIO(read_bytes(file, start, end - start))
    tracks = [_read_track(index, *place) for place in _find_whole(index, (0, end - start), b"trak")]
    return max(filter(None, tracks), key=lambda track: track.frames, default=None)


def find_boxes(file: File, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The type of each box from `start` to `end`, and where its content begins and ends, in bytes.

    Section 4.2: a box has a size of four bytes, a type, and if the size is 1, one of eight bytes. The size 0 means up
    to the end. The last box may be cut off: it ends after `end`.
    """
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        header = read_bytes(file, start, _LONGEST_HEADER)
        length, content = int.from_bytes(header[:4]) or end - start, 8
        if length == 1:
            length, content = int.from_bytes(header[8:]), 16
        if len(header) < content or length < content:
            return
        yield header[4:8], start + content, start + length
        start += length


def read_bytes(file: File, start: int, length: int) -> bytes:
    """Reads bytes, fewer at the end of the file. One call of `read` may return fewer before it."""
    file.seek(start)
    content = b""
    while part := file.read(length - len(content)):
        content += part
    return content


def _find_whole(file: File, place: tuple[int, int], kind: bytes) -> Iterator[tuple[int, int]]:
    """Where the content of each box of a type begins and ends that is whole within a place."""
    return ((start, end) for found, start, end in find_boxes(file, *place) if found == kind and end <= place[1])


def _find_first(file: File, place: tuple[int, int], *kinds: bytes) -> tuple[int, int]:
    """The same for the first box that is in boxes of the given types, the outermost first; empty if there is none."""
    for kind in kinds:
        place = next(_find_whole(file, place, kind), (0, 0))
    return place


def _read_track(file: File, start: int, end: int) -> VideoTrack | None:
    """Sections 8.3.2 (`tkhd`), 8.4.2 (`mdhd`), 8.4.3 (`hdlr`), and 8.7.3 (`stsz`, `stz2`)."""

    def read_first(*kinds: bytes) -> bytes:
        first, last = _find_first(file, (start, end), *kinds)
        return read_bytes(file, first, min(last - first, _LONGEST_FIELDS))

    handler, times = read_first(b"mdia", b"hdlr"), read_first(b"mdia", b"mdhd")
    table = b"mdia", b"minf", b"stbl"
    sizes = read_first(*table, b"stsz") or read_first(*table, b"stz2")
    place, width = (20, 8) if times[:1] == b"\1" else (12, 4)
    ticks_per_second = int.from_bytes(times[place : place + 4])
    ticks = int.from_bytes(times[place + 4 : place + 4 + width])
    frames = int.from_bytes(sizes[8:12])
    if handler[8:12] != b"vide" or not ticks_per_second or not frames:
        return None
    # The last eight bytes: width and height, each with a fraction of two bytes.
    shape = read_first(b"tkhd")[-8:]
    pixels = int.from_bytes(shape[:2]) * int.from_bytes(shape[4:6])
    return VideoTrack(ticks / ticks_per_second, frames, pixels)
