"""A stream's packets, from the beginning or from a keyframe on."""

import itertools
from collections.abc import Iterator
from contextlib import suppress

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.video_formats import has_presentation_times

SEEK_EARLIER = 0, 1, 10, 1_000_000
"""Seconds before a keyframe to seek to, each tried if the one before it was not early enough."""


def read_packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Those that are whole, up to the end or to where the file can't be read any further, as players do."""
    with suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            # One that is cut off is the last of a file that is; an empty one ends every stream.
            if packet.size and not packet.is_corrupt:
                yield packet


def read_packets_from(container: InputContainer, stream: VideoStream, keyframe: int) -> Iterator["Packet[VideoStream]"]:
    """The packets from a keyframe on, or from an earlier one.

    FFmpeg seeks by times of decoding in some files, and then takes a later keyframe that is decoded by the time at
    which this one is shown; in others, it seeks to where there is no packet. Then it is asked for an earlier time.

    Args:
        container: opened just now. At the beginning nothing is sought, since some things come with the first packet
            of a container alone, and never after a seek: a palette.
        keyframe: its presentation time in ticks, or an earlier time for all packets.
    """
    packets = read_packets(container, stream)
    first = next(packets, None)
    if not first or _get_time(container, first, default=keyframe) != keyframe:
        for seconds in SEEK_EARLIER:
            # FFmpeg's -1, which reads as that error: a damaged index. Reading goes on where it is.
            with suppress(av.error.PermissionError):
                container.seek(keyframe - int(seconds / stream.time_base), stream=stream, backward=True)
                packets = read_packets(container, stream)
                first = next(packets, None)
            if first and _get_time(container, first, default=keyframe) <= keyframe:
                break
    return itertools.chain([first] if first else [], packets)


def _get_time(container: InputContainer, packet: "Packet[VideoStream]", default: int) -> int:
    time = packet.pts if has_presentation_times(container.format.name) else packet.dts
    return default if time is None else time
