"""The container formats of videos that the engine reads: one record for each.

The pipeline has a table of its own (`videojobs.video_formats`), because the two share no code. A test compares them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoFormat:
    """A container format.

    Attributes:
        demuxer: FFmpeg's name of the demuxer that reads it.
        is_in_api: the Video Inference API's documentation lists it. The engine reads the others as well.
        has_presentation_times: AVI has decoding times only, and what FFmpeg derives from them is wrong if frames are
            reordered.
    """

    name: str
    demuxer: str
    is_in_api: bool = True
    has_presentation_times: bool = True


_MP4_DEMUXER, _MATROSKA_DEMUXER = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"

VIDEO_FORMATS = (
    VideoFormat("MP4", _MP4_DEMUXER),
    VideoFormat("AVI", "avi", has_presentation_times=False),
    VideoFormat("MKV", _MATROSKA_DEMUXER),
    VideoFormat("WebM", _MATROSKA_DEMUXER),
    VideoFormat("MOV", _MP4_DEMUXER, is_in_api=False),
)

DEMUXERS = ",".join(dict.fromkeys(it.demuxer for it in VIDEO_FORMATS))
"""FFmpeg's `format_whitelist`. A playlist format would make FFmpeg open the addresses and paths that a file names."""


def has_presentation_times(demuxer: str) -> bool:
    """Whether a file has presentation times, by FFmpeg's name of its demuxer (`container.format.name`)."""
    return all(it.has_presentation_times for it in VIDEO_FORMATS if it.demuxer == demuxer)


def name_formats() -> str:
    """The API's formats in words: `MP4, AVI, MKV or WebM`."""
    *names, last = (it.name for it in VIDEO_FORMATS if it.is_in_api)
    return f"{', '.join(names)} or {last}"
