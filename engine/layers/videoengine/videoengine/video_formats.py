"""The container formats of videos that the engine reads: one record for each.

The pipeline has a table of its own (`videojobs.video_formats`), because the two share no code. A test compares them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoFormat:
    """A container format, by the extension of its files.

    Attributes:
        extension: In lower case, with the dot. The engine reads a file by its content, whatever its name is.
        demuxer: FFmpeg's name of the demuxer that reads it.
        is_in_api: The Video Inference API's documentation lists it. The engine reads the others as well.
        has_presentation_times: AVI has decoding times only, and what FFmpeg derives from them is wrong if frames are
            reordered.
        begins_at_zero: MPEG-TS has the clock of its sender, which begins anywhere. Players count from its first packet.
    """

    name: str
    extension: str
    demuxer: str
    is_in_api: bool = True
    has_presentation_times: bool = True
    begins_at_zero: bool = True


_MP4_DEMUXER, _MATROSKA_DEMUXER, _TS_DEMUXER = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts"

VIDEO_FORMATS = (
    VideoFormat("MP4", ".mp4", _MP4_DEMUXER),
    VideoFormat("AVI", ".avi", "avi", has_presentation_times=False),
    VideoFormat("MKV", ".mkv", _MATROSKA_DEMUXER),
    VideoFormat("WebM", ".webm", _MATROSKA_DEMUXER),
    VideoFormat("MOV", ".mov", _MP4_DEMUXER, is_in_api=False),
    VideoFormat("M4V", ".m4v", _MP4_DEMUXER, is_in_api=False),
    VideoFormat("3GP", ".3gp", _MP4_DEMUXER, is_in_api=False),
    VideoFormat("3G2", ".3g2", _MP4_DEMUXER, is_in_api=False),
    VideoFormat("MPEG-TS", ".ts", _TS_DEMUXER, is_in_api=False, begins_at_zero=False),
    VideoFormat("MPEG-TS", ".mts", _TS_DEMUXER, is_in_api=False, begins_at_zero=False),
    VideoFormat("MPEG-TS", ".m2ts", _TS_DEMUXER, is_in_api=False, begins_at_zero=False),
)

VIDEO_EXTENSIONS = tuple(it.extension for it in VIDEO_FORMATS)
"""The extensions of the files that the engine reads, in lower case."""

DEMUXERS = ",".join(dict.fromkeys(it.demuxer for it in VIDEO_FORMATS))
"""FFmpeg's `format_whitelist`. A playlist format would make FFmpeg open the addresses and paths that a file names."""


def has_presentation_times(demuxer: str) -> bool:
    """Whether a file has presentation times, by FFmpeg's name of its demuxer (`container.format.name`)."""
    return all(it.has_presentation_times for it in VIDEO_FORMATS if it.demuxer == demuxer)


def begins_at_zero(demuxer: str) -> bool:
    """Whether players take a file's times as they are, by FFmpeg's name of its demuxer (`container.format.name`)."""
    return all(it.begins_at_zero for it in VIDEO_FORMATS if it.demuxer == demuxer)


def name_formats() -> str:
    """The formats in words: `MP4, AVI, … or MPEG-TS`."""
    *names, last = dict.fromkeys(it.name for it in VIDEO_FORMATS)
    return f"{', '.join(names)} or {last}"
