"""The random access index at the end of an MP4 in fragments (`mfra`; ISO/IEC 14496-12, section 8.8.9)."""

from collections.abc import Callable

MFRO_BYTES = 16
"""Size of the last box, `mfro`, which ends with the size of the whole index."""

MAX_INDEX_BYTES = 2**22


def find_fragments(read: Callable[[int, int], bytes], size: int) -> list[int]:
    """Where fragments (`moof`) begin, in bytes, ascending. Empty if the file has no such index, or a damaged one.

    Args:
        read: reads a part of the file: its start and length in bytes.
        size: of the file in bytes.
    """
    if size < MFRO_BYTES:
        return []
    last = read(size - MFRO_BYTES, MFRO_BYTES)
    length = int.from_bytes(last[12:])
    if last[4:8] != b"mfro" or not MFRO_BYTES < length <= min(size, MAX_INDEX_BYTES):
        return []
    index = read(size - length, length)
    offsets, start = set[int](), 8
    while start + 8 <= len(index):
        end = start + max(int.from_bytes(index[start : start + 4]), 8)
        if index[start + 4 : start + 8] == b"tfra":
            offsets |= _read_offsets(index[start + 8 : end])
        start = end
    return sorted(offset for offset in offsets if offset < size)


def _read_offsets(content: bytes) -> set[int]:
    """The offsets of a `tfra` box (section 8.8.10): after a version, a track and the sizes of three numbers, it has a
    time, an offset and these numbers for each entry.
    """
    width = 8 if content[:1] == b"\1" else 4
    sizes = int.from_bytes(content[8:12])
    entry = 2 * width + 3 + (sizes >> 4 & 3) + (sizes >> 2 & 3) + (sizes & 3)
    starts = range(16 + width, len(content) - width + 1, entry)
    return {int.from_bytes(content[start : start + width]) for start in starts}
