"""What is not media in an MP4 in fragments with an index before them (`sidx`; ISO/IEC 14496-12, section 8.16.3)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from videoengine.s3_file import S3Object

MAX_EDGE_BYTES = 2**18
"""Maximum size of what precedes the first fragment, and of what follows the last."""

HEADER_BYTES = 2**12, 2**14
"""How much of a fragment is read for its headers. The second size is for those that the first is too small for."""

_HEADERS = b"moof", b"styp", b"free", b"prft", b"emsg"

type Part = tuple[int, bytes]
"""Where a part of the file begins, in bytes, and its content."""


def find_indexed_fragments(beginning: bytes) -> list[int]:
    """Where each fragment begins that a file's indexes list, and where the last ends, in bytes, ascending.

    Args:
        beginning: of the file.

    Returns:
        Empty if there is no index, or if it is not certain that FFmpeg finds the same.
    """
    boxes, edges = list(_find_boxes(beginning)), set[int]()
    indexes = [(start, end) for kind, start, end in boxes if kind == b"sidx"]
    for start, end in indexes:
        places = _read_places(beginning[start:end], end)
        if not places:
            return []
        edges.update(places)
    first = min(edges, default=0)
    before = [box for box in boxes if box[1] < first]
    is_certain = (
        any(start == first for _, start, _ in boxes)
        and all(kind not in (b"moof", b"mdat") and end <= first for kind, _, end in before)
        and beginning.count(b"sidx", 0, first) == len(indexes) == sum(kind == b"sidx" for kind, *_ in before)
    )
    return sorted(edges) if is_certain else []


def read_all_but_media(file: S3Object, beginning: bytes, edges: Sequence[int]) -> list[Part]:
    """Reads the headers of fragments, and what precedes the first and follows the last.

    Args:
        beginning: of the file.
        edges: where each fragment begins, and where the last ends, in bytes, ascending.

    Returns:
        Ascending; empty if not each fragment consists of headers that are followed by all its media.
    """
    fragments, end = list(pairwise(edges)), edges[-1]
    if not end <= file.size <= end + MAX_EDGE_BYTES:
        return []
    headers = dict[int, bytes]()
    for length in HEADER_BYTES:
        missing = [fragment for fragment in fragments if fragment[0] not in headers]
        contents = file.read_ranges((start, min(length, end - start)) for start, end in missing)
        for (start, end_), content in zip(missing, contents, strict=True):
            if size := _measure_headers(content, end_ - start):
                headers[start] = content[:size]
    if len(headers) < len(fragments):
        return []
    rest = file.read_ranges([(end, file.size - end)] if end < file.size else [])
    return [(0, beginning[: edges[0]]), *sorted(headers.items()), *((end, content) for content in rest)]


def _find_boxes(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The type of each box, and where it begins and ends, in bytes, up to one with an unusual size."""
    start = 0
    while start + 8 <= len(content):
        end = start + int.from_bytes(content[start : start + 4])
        yield content[start + 4 : start + 8], start, end
        if end < start + 8:
            return
        start = end


def _read_places(box: bytes, end: int) -> list[int]:
    """Where each fragment begins that a `sidx` box lists, and where the last ends; empty if it is unusual.

    Args:
        end: where the box ends.
    """
    # After size, type, version, flags, id and time scale come the earliest time and the first fragment's distance.
    width = 8 if box[8:9] == b"\1" else 4
    first, references = box[20 + width : 20 + 2 * width], box[20 + 2 * width + 4 :]
    count = int.from_bytes(box[20 + 2 * width + 2 :][:2])
    sizes = [int.from_bytes(references[at : at + 4]) for at in range(0, len(references), 12)]
    # The first bit of a size tells that another index is there.
    if box[8:9] not in (b"\0", b"\1") or len(references) != 12 * count or not all(0 < it < 2**31 for it in sizes):
        return []
    places = [end + int.from_bytes(first)]
    for size in sizes:
        places.append(places[-1] + size)
    return places if count else []


def _measure_headers(content: bytes, length: int) -> int:
    """The size of a fragment's headers in bytes; 0 if they do not end in the content, or not all the rest is media.

    Args:
        content: the beginning of the fragment.
        length: of the fragment.
    """
    for kind, start, end in _find_boxes(content):
        if kind == b"mdat":
            size = end - start
            if size == 1:  # a size of eight bytes follows
                return start + 16 if start + int.from_bytes(content[start + 8 : start + 16]) == length else 0
            return start + 8 if end == length else 0
        if kind not in _HEADERS:
            return 0
    return 0
