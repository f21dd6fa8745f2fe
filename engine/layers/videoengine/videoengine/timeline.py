"""When a video's frames are shown, read from its packets: nothing is decoded."""

from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.rational import AVRational
from av.video.stream import VideoStream

from videoengine.errors import JobFailed


@dataclass(frozen=True)
class Timeline:
    """A video stream's frames.

    Attributes:
        timestamps: presentation times in ticks, ascending, one a frame; never empty.
        keyframes: those of the frames that decoding can start from; never empty.
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
    by_presentation = has_presentation_times(container)
    timestamps, keyframes = [], []
    for packet in container.demux(stream):
        timestamp = packet.pts if by_presentation else packet.dts
        # The last packet is empty and ends the stream.
        if timestamp is None or packet.is_discard:
            continue
        timestamps.append(timestamp)
        if packet.is_keyframe:
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
    """The first video stream.

    Raises:
        JobFailed: there is none.
    """
    if not container.streams.video:
        raise JobFailed("The file has no video stream")
    return container.streams.video[0]


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction | None:
    return Fraction(rational.numerator, rational.denominator) if rational else None


def _average_rate(timestamps: list[int], time_base: Fraction) -> Fraction:
    ticks = timestamps[-1] - timestamps[0]
    return (len(timestamps) - 1) / (ticks * time_base) if ticks else Fraction(1)
