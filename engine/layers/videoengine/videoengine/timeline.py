"""Reads from a video's packets when its frames are shown. Only the beginning of cut recordings is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
from av.container import InputContainer
from av.rational import AVRational
from av.stream import Disposition
from av.video.stream import VideoStream

from videoengine.clock_restarts import watch_clock
from videoengine.demuxing import read_packets
from videoengine.errors import JobFailed
from videoengine.keyframe_search import KeyframeSearch
from videoengine.lead_in import LeadIn
from videoengine.media_skipping import MediaSkipper
from videoengine.packets import shows_picture
from videoengine.video_formats import begins_at_zero, has_presentation_times

RATE_TOLERANCE = Fraction(1, 50)
"""How much lower than the measured frame rate the container's frame rate may be, as a share."""

MAX_FRAMES = 5_500_000
"""A day at 60 frames per second. Planning a job of this size takes 0.5 GB of the function's 1.7 GB memory."""

ENCRYPTED = "The video is encrypted, and this engine has no key for it"


@dataclass(frozen=True)
class Timeline:
    """The frames of a video stream.

    Attributes:
        timestamps: presentation times in ticks, ascending, one for each frame; never empty.
        keyframes: presentation times in ticks to start decoding from, ascending; never empty. The first is not after
            the first frame; it may belong to a frame that an edit list hides.
        time_base: seconds per tick.
        frame_rate: frames per second: the container's frame rate if the frames agree with it, else the measured one.
        player_zero: the time, in seconds, that players show as 0.
    """

    timestamps: tuple[int, ...]
    keyframes: tuple[int, ...]
    time_base: Fraction
    frame_rate: Fraction
    player_zero: Fraction = Fraction(0)

    @property
    def start_offset(self) -> float:
        """Seconds from a player's 0 to the first frame, 4 decimals. `time_offset` counts from that frame.

        It is not 0 if the sound begins before the pictures, if the file is a part of a stream, or if reordered frames
        have no edit list.
        """
        seconds = round(float(self.timestamps[0] * self.time_base - self.player_zero), 4)
        return seconds or 0.0  # never -0.0: player_zero is rounded to microseconds


def read_timeline(container: InputContainer, skipper: MediaSkipper | None = None) -> Timeline:
    """Reads all packets of the video stream, so it needs no duration or frame count in the header.

    Args:
        container: just opened.
        skipper: the container's file, to read only a part of it where that gives the same timeline.

    Raises:
        JobFailed: the file has no frames or too many, is encrypted, has an unknown codec, or a clock that restarts.
    """
    stream = find_video_stream(container)
    by_presentation, codec = has_presentation_times(container.format.name), stream.codec_context
    timestamps, keyframes, lead_in, has_palettes = list[int](), list[int](), LeadIn(), False
    search = KeyframeSearch(container, stream, skipper)
    for packet in watch_clock(read_packets(container, stream), container):
        if packet.has_sidedata("encryption_info"):
            raise JobFailed(ENCRYPTED)
        starts = search.check(packet, is_content_needed=not lead_in.is_full)
        lead_in.add(packet, starts_decoding=starts)
        has_palettes = has_palettes or packet.has_sidedata("palette")
        timestamp = packet.pts if by_presentation else packet.dts
        if timestamp is None:
            continue
        if starts:
            keyframes.append(timestamp)
        # Frames that an edit list hides are not shown, but later frames may refer to them.
        if shows_picture(packet, codec) and not packet.is_discard:
            timestamps.append(timestamp)
        _refuse_too_many(timestamps, keyframes)
    if not timestamps:
        raise JobFailed("The video has no frames, or is cut off")
    keyframes += search.find_skipped()
    is_counted = bool(codec.has_b_frames) and not by_presentation
    if has_palettes or is_counted:
        # Colors (palettes), or the times of frames (counted), are known only when decoding from the start.
        keyframes = []
    timestamps.sort()
    keyframes.sort()
    if is_counted or not lead_in.begins_whole or not keyframes or timestamps[0] < keyframes[0]:
        timestamps = lead_in.drop_hidden(timestamps, codec, by_presentation=by_presentation)
    if not keyframes or timestamps[0] < keyframes[0]:
        keyframes.insert(0, timestamps[0])
    time_base = _to_fraction(stream.time_base) or Fraction(1, av.time_base)
    return Timeline(
        timestamps=tuple(timestamps),
        keyframes=tuple(keyframes),
        time_base=time_base,
        frame_rate=_find_rate(timestamps, time_base, _to_fraction(stream.average_rate)),
        player_zero=_find_player_zero(container),
    )


def _find_player_zero(container: InputContainer) -> Fraction:
    if begins_at_zero(container.format.name) or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)


def find_video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover picture, and not a single picture if there are other streams.

    Raises:
        JobFailed: there is none, or it has an unknown codec or is encrypted.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise JobFailed("The file has no video stream, or is cut off")
    stream = next((stream for stream in streams if not _is_one_picture(stream)), streams[0])
    if not stream.codec_context:
        raise JobFailed("The video has a codec that this engine does not know")
    # FFmpeg's name for the encryption key's id in Matroska and WebM.
    if "enc_key_id" in stream.metadata:
        raise JobFailed(ENCRYPTED)
    return stream


def _refuse_too_many(*timestamps: list[int]) -> None:
    if max(map(len, timestamps)) > MAX_FRAMES:
        raise JobFailed(f"The video has more frames than this engine's limit of {MAX_FRAMES}")


def _is_one_picture(stream: VideoStream) -> bool:
    """Whether a track has only one picture. It is then a preview for file managers, although nothing marks it so."""
    return stream.frames == 1 or stream.metadata.get("NUMBER_OF_FRAMES") == "1"


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction | None:
    return Fraction(rational.numerator, rational.denominator) if rational else None


def _find_rate(timestamps: Sequence[int], time_base: Fraction, declared: Fraction | None) -> Fraction:
    """The declared frame rate, unless the frames are fewer or faster: it may be a guess from the first few."""
    gaps = sorted(later - earlier for earlier, later in pairwise(timestamps) if later > earlier)
    if not gaps:
        return declared or Fraction(1)
    # A screen recording that stands still at times has a low average rate, but a high rate most of the time.
    total, typical = sum(gaps), gaps[len(gaps) // 2]
    # Allow for times that are rounded to ticks.
    slowest = (1 - RATE_TOLERANCE) * len(gaps) / (total + 1)
    fastest = Fraction(1, typical - 1) if typical > 1 else None
    if declared and slowest <= declared * time_base and (fastest is None or declared * time_base <= fastest):
        return declared
    return max(Fraction(len(gaps), total), Fraction(1, typical)) / time_base
