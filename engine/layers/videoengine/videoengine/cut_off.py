"""Files that are cut off: they end before the frames that their index or their header names, as after an upload that
was aborted. Only what such a file says of itself counts; a file that doesn't say how long it is counts as whole."""

import sys
from dataclasses import dataclass

from av.container import InputContainer

from videoengine.errors import JobFailed
from videoengine.timeline import Timeline, find_video_stream

HEAD_BYTES = 4096
"""How much of a file's beginning holds the size of an MKV's segment. It follows an EBML header of some 40 bytes."""

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"

_LARGEST_RIFF = 2**31 - 1


@dataclass(frozen=True)
class _Cut:
    """What is missing.

    Attributes:
        description: what the file names, and how much of it is missing.
        share: how much of it is missing, 0 to 1; 0 if unsure.
    """

    description: str
    share: float


def check_cut(container: InputContainer, head: bytes, timeline: Timeline, max_share: float) -> str:
    """Checks that not too much of a video is missing because its file is cut off.

    Args:
        container: read to its end.
        head: the file's first `HEAD_BYTES`.
        max_share: maximum share of the frames that may be missing, 0 to 1.

    Returns:
        A note for the owner of the video; empty if nothing is missing.

    Raises:
        JobFailed: more is missing.
    """
    size = container.size or sys.maxsize  # if unknown, nothing is missing
    cut = (
        _find_missing_samples(container, size)
        or _find_missing_time(container, size, head, timeline)
        or _find_missing_bytes(size, head)
    )
    if not cut:
        return ""
    note = f"The file is cut off: {cut.description} not in the file"
    if cut.share > max_share:
        raise JobFailed(f"{note}. Upload it again")
    return note


def _find_missing_samples(container: InputContainer, size: int) -> _Cut | None:
    """The samples of an MP4 or MOV that its index places beyond the end of the file."""
    stream = find_video_stream(container)
    # MP4s in fragments have no index of the whole file, and name no frames in their header.
    if "mp4" not in container.format.name or not stream.frames:
        return None
    samples = missing = 0
    for sample in stream.index_entries:
        if not sample.is_discard:
            samples += 1
            missing += sample.pos + sample.size > size
    if not missing:
        return None
    return _Cut(f"its index names {samples} frames, and {_count(missing)}", missing / samples)


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


def _read_size(head: bytes, place: int) -> tuple[int, int | None]:
    """The place after an element's size, and the size; None if it is unknown, as in recordings that were not closed."""
    first = head[place] if place < len(head) else 0
    length = 9 - first.bit_length()
    ones = (1 << 7 * length) - 1
    size = int.from_bytes(head[place : place + length]) & ones
    return place + length, None if first == 0 or size == ones or place + length > len(head) else size


def _count(missing: int) -> str:
    return f"{missing} of them {'is' if missing == 1 else 'are'}"
