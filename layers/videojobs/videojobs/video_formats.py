"""The container formats of videos: one record for each.

The engine has a table of its own (`videoengine.video_formats`), because the two share no code. A test compares them.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True)
class VideoFormat:
    """A container format, by the extension of its files.

    Attributes:
        extension: In lower case, with the dot.
        mime_type: The type that players expect.
        demuxer: FFmpeg's name of the demuxer that reads it.
        is_in_api: Whether the Video Inference API's documentation lists it.
        plays_in_browsers: Whether every current browser plays it, if it supports the codec.
        has_presentation_times: AVI has only decoding times. FFmpeg derives wrong presentation times from them if frames
            are reordered.
        is_always_video: Whether other files hardly ever have this extension. `.ts` is also that of TypeScript, and of
            the parts of a stream (HLS), which lie in buckets by the thousand.
        copies_to_mp4: Whether MP4 takes the pictures of all its files as they are coded. It takes no ProRes, QuickTime
            Animation or H.263, which MOV and 3GP may have.
        begins_at_zero: MPEG-TS has the clock of its sender, which begins anywhere. Players count from its first packet.
    """

    name: str
    extension: str
    mime_type: str
    demuxer: str
    _: KW_ONLY
    is_in_api: bool = True
    plays_in_browsers: bool = True
    has_presentation_times: bool = True
    is_always_video: bool = True
    begins_at_zero: bool = True
    copies_to_mp4: bool = False


_MP4_DEMUXER, _MATROSKA_DEMUXER, _TS_DEMUXER = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts"
_ENGINE_ONLY: Mapping[str, bool] = {"is_in_api": False, "plays_in_browsers": False}
_SENT: Mapping[str, bool] = {**_ENGINE_ONLY, "begins_at_zero": False, "copies_to_mp4": True}

VIDEO_FORMATS = (
    VideoFormat("MP4", ".mp4", "video/mp4", _MP4_DEMUXER),
    VideoFormat("AVI", ".avi", "video/x-msvideo", "avi", plays_in_browsers=False, has_presentation_times=False),
    VideoFormat("MKV", ".mkv", "video/x-matroska", _MATROSKA_DEMUXER, plays_in_browsers=False),
    VideoFormat("WebM", ".webm", "video/webm", _MATROSKA_DEMUXER),
    VideoFormat("MOV", ".mov", "video/quicktime", _MP4_DEMUXER, **_ENGINE_ONLY),
    VideoFormat("M4V", ".m4v", "video/x-m4v", _MP4_DEMUXER, copies_to_mp4=True, **_ENGINE_ONLY),
    VideoFormat("3GP", ".3gp", "video/3gpp", _MP4_DEMUXER, **_ENGINE_ONLY),
    VideoFormat("3G2", ".3g2", "video/3gpp2", _MP4_DEMUXER, **_ENGINE_ONLY),
    VideoFormat("MPEG-TS", ".ts", "video/mp2t", _TS_DEMUXER, **_SENT, is_always_video=False),
    VideoFormat("MPEG-TS", ".mts", "video/mp2t", _TS_DEMUXER, **_SENT),
    VideoFormat("MPEG-TS", ".m2ts", "video/mp2t", _TS_DEMUXER, **_SENT),
)

VIDEO_EXTENSIONS = tuple(it.extension for it in VIDEO_FORMATS if it.is_in_api)
"""The extensions that the API's documentation lists, in lower case. An API of the owner's may take more."""

KNOWN_EXTENSIONS = tuple(it.extension for it in VIDEO_FORMATS)
"""All extensions of the table: what this version's engine reads."""

MP4_COPIED_EXTENSIONS = tuple(it.extension for it in VIDEO_FORMATS if it.copies_to_mp4)

MIME_TYPES = {it.extension: it.mime_type for it in VIDEO_FORMATS}

DEMUXERS = ",".join(dict.fromkeys(it.demuxer for it in VIDEO_FORMATS))
"""FFmpeg's `format_whitelist`. A playlist format would make FFmpeg open the URLs and paths that a file names."""


def has_presentation_times(demuxer: str) -> bool:
    """Returns whether a file has presentation times, by FFmpeg's name of its demuxer (`container.format.name`)."""
    return all(it.has_presentation_times for it in VIDEO_FORMATS if it.demuxer == demuxer)


def begins_at_zero(demuxer: str) -> bool:
    """Returns whether players take a file's times as they are, by FFmpeg's name of its demuxer."""
    return all(it.begins_at_zero for it in VIDEO_FORMATS if it.demuxer == demuxer)
