"""Files that are cut off: they end before the frames that their index or their header names, as after an upload that
was aborted. Only what such a file says of itself counts: a file that ends between two fragments or clusters, and has no
index or header with the size of all, counts as whole."""

import itertools
import sys
from dataclasses import dataclass

from av.container import InputContainer

from videoengine.errors import JobFailed
from videoengine.mp4_boxes import File, find_boxes, read_bytes
from videoengine.timeline import Timeline, find_video_stream

MAX_CLUSTERS = 100
"""How many of a file's clusters are looked at."""

_HEAD_BYTES = 4096
"""How much of a file's beginning holds the size of an MKV's segment. It follows an EBML header of some 40 bytes."""

_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_LONGEST_HEADER, _LARGEST_SIDX = 16, 32 + 12 * 65_535

_LARGEST_RIFF = 2**31 - 1


@dataclass(frozen=True)
class _Cut:
    """What is missing.

    Attributes:
        description: what the file names, and how much of it is missing.
        share: how much of it is missing at least, 0 to 1; 0 if unsure.
    """

    description: str
    share: float


def check_cut(container: InputContainer, file: File, timeline: Timeline, max_share: float) -> str:
    """Checks that not too much of a video is missing because its file is cut off.

    Args:
        container: read to its end.
        file: the same file. This moves its position, so read nothing from the container afterwards.
        max_share: maximum share of the frames that may be missing, 0 to 1.

    Returns:
        A note for the owner of the video; empty if nothing is missing.

    Raises:
        JobFailed: more is missing.
    """
    size = container.size or sys.maxsize  # if unknown, nothing is missing
    head = read_bytes(file, 0, _HEAD_BYTES)
    cut = (
        _find_missing_fragments(container, size, file)
        or _find_missing_samples(container, size, file)
        or _find_missing_time(container, size, head, timeline)
        or _find_missing_cluster(container, size, file, head)
        or _find_missing_bytes(size, head)
    )
    if not cut:
        return ""
    note = f"The file is cut off: {cut.description} not in the file"
    if cut.share > max_share:
        raise JobFailed(f"{note}. Upload it again")
    return note


def _find_missing_samples(container: InputContainer, size: int, file: File) -> _Cut | None:
    """The samples of an MP4 or MOV that its index or its fragments place beyond the end of the file."""
    stream = find_video_stream(container)
    if "mp4" not in container.format.name:
        return None
    samples = missing = 0
    for sample in stream.index_entries:
        if not sample.is_discard:
            samples += 1
            missing += sample.pos + sample.size > size
    # A truncated index at the end of the file counts more samples than it places.
    unplaced = stream.frames - samples
    if unplaced > 0 and any(kind == b"moov" and end > size for kind, _, end in find_boxes(file, 0, size)):
        samples, missing = samples + unplaced, missing + unplaced
    if not missing:
        return None
    return _Cut(f"its index names {samples} frames, and {_count(missing)}", missing / samples)


def _find_missing_fragments(container: InputContainer, size: int, file: File) -> _Cut | None:
    """The bytes of an MP4's fragments that the index before them (`sidx`) places beyond the end of the file."""
    if "mp4" not in container.format.name:
        return None
    boxes = itertools.takewhile(lambda box: box[0] not in (b"mdat", b"moof"), find_boxes(file, 0, size))
    named = max((_find_indexed_end(file, *place) for kind, *place in boxes if kind == b"sidx"), default=0)
    if named <= size:
        return None
    return _Cut(f"its index names {named} bytes, and {_count(named - size)}", 1 - size / named)


def _find_missing_time(container: InputContainer, size: int, head: bytes, timeline: Timeline) -> _Cut | None:
    """The time of an MKV or WebM whose segment ends beyond the end of the file.

    The header's time may be that of longer sound, or hold a clock jump. So no larger share of it counts as missing
    than of the bytes.
    """
    end = _find_segment_end(head)
    if end is None or end <= size or not container.duration:
        return None
    named, frame_seconds = container.duration / 1_000_000, float(1 / timeline.frame_rate)
    last = float(timeline.timestamps[-1] * timeline.time_base)
    share = min((named - last - frame_seconds) / named, 1 - size / end)
    if share * named < frame_seconds:
        return None
    return _Cut(f"its header names {named:.1f} s, and about {share * named:.1f} s of them are", share)


def _find_missing_cluster(container: InputContainer, size: int, file: File, head: bytes) -> _Cut | None:
    """The bytes of the last cluster of an MKV or WebM, if the cluster ends beyond the end of the file.

    A live recording has no other size. How many clusters are missing is unknown.
    """
    keyframes = find_video_stream(container).index_entries
    if head[:4] != _EBML or not len(keyframes):
        return None
    start = keyframes[-1].pos
    for _ in range(MAX_CLUSTERS):
        # A damaged seek index may place a cluster anywhere.
        header = read_bytes(file, start, _LONGEST_HEADER) if 0 <= start < size else b""
        content, length = _read_size(header, len(_CLUSTER))
        if header[: len(_CLUSTER)] != _CLUSTER or length is None:
            return None
        end = start + content + length
        if end > size:
            return _Cut(f"its last cluster names {end - start} bytes, and {_count(end - size)}", 1 - size / end)
        start = end
    return None


def _find_missing_bytes(size: int, head: bytes) -> _Cut | None:
    """The bytes of an AVI whose first RIFF chunk ends beyond the end of the file.

    They are only reported and never fail a job: frames are not counted, and recorders that crash leave wrong sizes.
    """
    named = int.from_bytes(head[4:8], "little")
    # Recorders write the largest numbers before they know the size.
    if head[:4] != b"RIFF" or named >= _LARGEST_RIFF or named + 8 <= size:
        return None
    return _Cut(f"its header names {named + 8} bytes, and {_count(named + 8 - size)}", share=0)


def _find_segment_end(head: bytes) -> int | None:
    """Where the segment of an MKV or WebM ends, in bytes; None for other files, and if it doesn't say.

    RFC 8794 (EBML), section 4: each element has an id, a size of a variable length, and data.
    """
    if head[:4] != _EBML:
        return None
    start, size = _read_size(head, len(_EBML))
    start += size or 0
    if head[start : start + 4] != _SEGMENT:
        return None
    start, size = _read_size(head, start + len(_SEGMENT))
    return None if size is None else start + size


def _find_indexed_end(file: File, start: int, end: int) -> int:
    """Where the last fragment ends that an MP4's `sidx` box names (ISO/IEC 14496-12, section 8.16.3).

    Args:
        start, end: of the box's content.
    """
    content = read_bytes(file, start, min(end - start, _LARGEST_SIDX))
    # After version, flags, id and time scale come the earliest time and the first fragment's distance from the box.
    width = 8 if content[:1] == b"\1" else 4
    first, references = content[12 + width : 12 + 2 * width], content[12 + 2 * width + 4 :]
    # The first bit of a size tells whether another `sidx` is there.
    sizes = (int.from_bytes(references[at : at + 4]) & 0x7FFFFFFF for at in range(0, len(references) - 11, 12))
    return end + int.from_bytes(first) + sum(sizes)


def _read_size(head: bytes, place: int) -> tuple[int, int | None]:
    """The place after an element's size, and the size; None if it is unknown, as in recordings that were not closed."""
    first = head[place] if place < len(head) else 0
    length = 9 - first.bit_length()
    ones = (1 << 7 * length) - 1
    size = int.from_bytes(head[place : place + length]) & ones
    return place + length, None if first == 0 or size == ones or place + length > len(head) else size


def _count(missing: int) -> str:
    return f"{missing} of them {'is' if missing == 1 else 'are'}"
