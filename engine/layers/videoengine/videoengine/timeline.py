"""When a video's frames are shown, read from its packets: nothing is decoded."""

from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.rational import AVRational
from av.stream import Disposition
from av.video.stream import VideoStream

from videoengine.errors import JobFailed
from videoengine.packets import read_packets, shows_picture, starts_decoding


@dataclass(frozen=True)
class Timeline:
    """A video stream's frames.

    Attributes:
        timestamps: presentation times in ticks, ascending, one a frame; never empty.
        keyframes: those that decoding can start from, ascending; never empty. The first may be of a frame that an
            edit list hides.
        time_base: seconds a tick.
        frame_rate: frames a second, as the container says or, where it says nothing, on average.
    """

    timestamps: tuple[int, ...]
    keyframes: tuple[int, ...]
    time_base: Fraction
    frame_rate: Fraction


def read_timeline(container: InputContainer) -> Timeline:
    """Reads every packet of the first video stream, so it needs neither a duration nor a frame count in the header.

    Raises:
        JobFailed: the file has no frame to show.
    """
    stream = find_video_stream(container)
    by_presentation, codec = has_presentation_times(container), stream.codec_context
    timestamps, keyframes = [], []
    for packet in read_packets(container, stream):
        timestamp = packet.pts if by_presentation else packet.dts
        if timestamp is None or not shows_picture(packet, codec):
            continue
        # What an edit list cuts off is not shown, but is what the frames after it are decoded from.
        if not packet.is_discard:
            timestamps.append(timestamp)
        if packet.is_keyframe and starts_decoding(packet, codec):
            keyframes.append(timestamp)
    if not timestamps:
        raise JobFailed("The video has no frames")
    timestamps.sort()
    if not by_presentation and stream.codec_context.has_b_frames:
        # Which frames a keyframe's followers show can then be told only by counting from the start.
        keyframes = timestamps[:1]
    time_base = _to_fraction(stream.time_base) or Fraction(1, av.time_base)
    return Timeline(
        timestamps=tuple(timestamps),
        keyframes=tuple(sorted(keyframes)) or (timestamps[0],),
        time_base=time_base,
        frame_rate=_to_fraction(stream.average_rate) or _average_rate(timestamps, time_base),
    )


def has_presentation_times(container: InputContainer) -> bool:
    """False for AVI, which has decoding times alone: what FFmpeg makes of them is wrong where frames are reordered."""
    return container.format.name != "avi"


def find_video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover.

    Raises:
        JobFailed: there is none, or it is of an unknown codec.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if not stream.codec_context:
                raise JobFailed("The video is of a codec that this engine does not know")
            return stream
    raise JobFailed("The file has no video stream")


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction | None:
    return Fraction(rational.numerator, rational.denominator) if rational else None


def _average_rate(timestamps: list[int], time_base: Fraction) -> Fraction:
    ticks = timestamps[-1] - timestamps[0]
    return (len(timestamps) - 1) / (ticks * time_base) if ticks else Fraction(1)
