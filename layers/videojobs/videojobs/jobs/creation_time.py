"""Reads the creation time in a video's container, by a few small reads.

MP4, MOV and M4V have it in `moov/mvhd` (ISO/IEC 14496-12, 8.2.2), MKV and WebM in `Segment/Info/DateUTC` (RFC 9559,
5.1.2.11). AVI has none in common use. A file may be damaged or forged: whatever it contains, the reads are few, and at
worst the time is unknown.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

READS_MAX = 8
BLOCK_BYTES = 4096

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""An earlier time is that of a clock that was not set."""

LATEST_AHEAD = timedelta(days=1)
"""How far a camera's clock may be ahead."""

_EPOCH_1904, _EPOCH_1970, _EPOCH_2001 = (datetime(year, 1, 1, tzinfo=UTC) for year in (1904, 1970, 2001))
_UNIX_SECONDS_IN_1904 = int((_EPOCH_1970 - _EPOCH_1904).total_seconds())

_FIRST_BOXES = {
    *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"),
    *(b"styp", b"sidx", b"moof", b"emsg", b"prft"),
}
"""What an MP4 or MOV begins with."""

_EBML, _SEGMENT, _INFO, _DATE, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x4461, 0x1F43B675

type Read = Callable[[int, int], bytes]
"""Returns the bytes from an offset on, as many as asked for."""


class _Unreadable(Exception):
    """The container is damaged, of another kind, or too complicated."""


def read_creation_time(read: Read, size_bytes: int, now: datetime) -> datetime | None:
    """Returns the creation time in a video's container, in UTC, or None if it has none that is plausible.

    Args:
        read: Called at most READS_MAX times, for at most BLOCK_BYTES inside the file. Its errors pass through.
    """
    blocks = _Blocks(read, size_bytes)
    try:
        time = _read_mkv(blocks) if blocks.number(0, 4) == _EBML else _read_mp4(blocks)
    except (_Unreadable, OverflowError):  # a date beyond the year 9999
        return None
    return time if time and EARLIEST <= time <= now + LATEST_AHEAD else None


class _Blocks:
    """Reads parts of a file block by block, and counts the reads."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read = read
        self._size = size_bytes
        self._start = 0
        self._block = b""
        self._reads = 0

    def get(self, start: int, length: int) -> bytes:
        """Raises _Unreadable: the file ends earlier, or it would take too many reads."""
        if not self._start <= start <= start + length <= self._start + len(self._block):
            self._reads += 1
            if start + length > self._size or self._reads > READS_MAX:
                raise _Unreadable
            self._block = self._read(start, min(BLOCK_BYTES, self._size - start))
            self._start = start
        part = self._block[start - self._start :][:length]
        if len(part) < length:
            raise _Unreadable
        return part

    def number(self, start: int, length: int) -> int:
        return int.from_bytes(self.get(start, length))

    @property
    def size(self) -> int:
        return self._size


def _read_mp4(blocks: _Blocks) -> datetime | None:
    if blocks.get(4, 4) not in _FIRST_BOXES:
        return None
    for kind, start, end in _list_boxes(blocks, 0, blocks.size):
        if kind == b"moov":
            headers = (begin for kind, begin, _ in _list_boxes(blocks, start, end) if kind == b"mvhd")
            return next((_read_movie_header(blocks, begin) for begin in headers), None)
    return None


def _list_boxes(blocks: _Blocks, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields each box's kind, and where its content begins and ends."""
    while start + 8 <= end:
        size, kind, content = blocks.number(start, 4), blocks.get(start + 4, 4), start + 8
        if size == 1:
            size, content = blocks.number(content, 8), content + 8
        box_end = start + size if size else end
        if not content <= box_end <= end:
            raise _Unreadable
        yield kind, content, box_end
        start = box_end


def _read_movie_header(blocks: _Blocks, start: int) -> datetime | None:
    version = blocks.number(start, 1)
    seconds = blocks.number(start + 4, 8 if version == 1 else 4)
    if seconds == 0:
        return None
    # Some programs count from 1970, as FFmpeg assumes too: 1904 to 1970 had no such files.
    return (_EPOCH_1904 if seconds >= _UNIX_SECONDS_IN_1904 else _EPOCH_1970) + timedelta(seconds=seconds)


def _read_mkv(blocks: _Blocks) -> datetime | None:
    for kind, start, end in _list_elements(blocks, 0, blocks.size):
        if kind == _SEGMENT:
            return _read_segment(blocks, start, end)
    return None


def _read_segment(blocks: _Blocks, start: int, end: int) -> datetime | None:
    for kind, begin, stop in _list_elements(blocks, start, end):
        if kind == _INFO:
            for name, at, after in _list_elements(blocks, begin, stop):
                if name == _DATE:
                    return _read_date(blocks, at, after)
            return None
        if kind == _CLUSTER:  # the frames: Info comes before them
            return None
    return None


def _read_date(blocks: _Blocks, start: int, end: int) -> datetime | None:
    if end - start != 8:
        return None
    nanoseconds = int.from_bytes(blocks.get(start, 8), signed=True)
    return _EPOCH_2001 + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None


def _list_elements(blocks: _Blocks, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yields each element's ID, and where its content begins and ends. An unknown size lasts to `end`."""
    while start < end:
        kind, start = _read_variable(blocks, start, 4, keep_marker=True)
        size_at = start
        size, start = _read_variable(blocks, start, 8, keep_marker=False)
        is_unknown = size == (1 << 7 * (start - size_at)) - 1
        element_end = end if is_unknown else start + size
        yield kind, start, min(element_end, end)
        start = element_end


def _read_variable(blocks: _Blocks, start: int, length_max: int, *, keep_marker: bool) -> tuple[int, int]:
    """Returns a number of variable length (RFC 8794, 4), and where it ends."""
    length = 9 - blocks.number(start, 1).bit_length()
    if length > length_max:
        raise _Unreadable
    number = blocks.number(start, length)
    return number if keep_marker else number & ((1 << 7 * length) - 1), start + length
