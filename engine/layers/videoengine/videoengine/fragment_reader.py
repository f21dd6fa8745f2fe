"""Opens an MP4 in fragments faster: FFmpeg jumps from each fragment to the next, and here only their beginnings are
read, ahead if the file lists them."""

import io
import sys
from collections.abc import Iterator

from videoengine.fragment_offsets import find_fragments
from videoengine.s3_file import S3Object

BEGINNING_BYTES = 2**14
"""How much of a fragment holds its headers, if it has no more than about a thousand frames."""

LONG_JUMP_BYTES = 2**20
"""If FFmpeg jumps less far, reading in blocks is faster: a block then holds several fragments."""

_BOX_TYPE = b"moof"
_NO_FRAGMENT = sys.maxsize, b""


class FragmentReader(io.RawIOBase):
    """A file for FFmpeg that reads only the beginnings of fragments, several at once if the file lists them.

    Example:
        with S3Object(s3, bucket, key) as file, FragmentReader(file) as reader, open_video(reader) as container:
            ...

    Attributes:
        file: the file itself.
    """

    def __init__(self, file: S3Object) -> None:
        self.file = file
        self._has_fragments = False
        self._fragments: Iterator[tuple[int, bytes]] | None = None  # offsets and beginnings, requested ahead
        self._fragment = -1, b""
        self._end = 0  # of what was read last
        self._opens = True  # no jump has led elsewhere than to a fragment

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        start = self.file.tell()
        is_jump = start != self._end
        content = (is_jump and self._has_fragments and self._read_fragment(start, size)) or self.file.read(size)
        self._has_fragments = self._has_fragments or _BOX_TYPE in content
        self._end = start + len(content)
        return content

    def _read_fragment(self, start: int, size: int) -> bytes:
        """Reads the beginning of a fragment that was requested ahead; empty elsewhere."""
        if self._fragments is None:
            self._fragments = self._request_fragments(start)
        if self._fragment[0] < start:
            self._fragment = next(self._fragments, _NO_FRAGMENT)
        if self._fragment[0] < start:
            # FFmpeg leaves no fragment out, so the list is wrong.
            self._fragments, self._fragment = iter(()), _NO_FRAGMENT
        offset, beginning = self._fragment
        if offset != start:
            beginning = self._read_unlisted(start)
        content = beginning[:size]
        self.file.seek(start + len(content))
        return content

    def _read_unlisted(self, start: int) -> bytes:
        length = min(BEGINNING_BYTES, self.file.size - start)
        if not self._opens or start - self._end < LONG_JUMP_BYTES or length <= 0:
            return b""
        beginning = self._read_range(start, length)
        self._opens = _BOX_TYPE in beginning
        return beginning

    def _request_fragments(self, start: int) -> Iterator[tuple[int, bytes]]:
        offsets = [it for it in find_fragments(self._read_range, self.file.size) if it >= start]
        ranges = ((offset, min(BEGINNING_BYTES, self.file.size - offset)) for offset in offsets)
        return zip(offsets, self.file.read_ranges(ranges), strict=True)

    def _read_range(self, start: int, length: int) -> bytes:
        (content,) = self.file.read_ranges([(start, length)])
        return content
