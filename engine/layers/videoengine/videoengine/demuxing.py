"""Reads the packets of a stream, from the beginning or from a keyframe."""

import itertools
from collections.abc import Iterator
from contextlib import suppress

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.video_formats import has_presentation_times

SEEK_EARLIER = 0, 1, 10, 1_000_000
"""How many seconds before a keyframe to seek, tried one after the other until the seek ends early enough."""


def read_packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """The whole packets of a stream, up to the end of the file or to where it becomes unreadable, as in players."""
    with suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            # A truncated file ends with a truncated packet. FFmpeg ends every stream with an empty packet.
            if packet.size and not packet.is_corrupt:
                yield packet


def read_packets_from(container: InputContainer, stream: VideoStream, keyframe: int) -> Iterator["Packet[VideoStream]"]:
    """The packets from a keyframe, or from an earlier keyframe.

    In some files FFmpeg seeks by decoding time, and may choose a later keyframe, which is decoded before this one is
    shown. In others it seeks to a place without packets. Then this function seeks to an earlier time.

    Args:
        container: just opened. For the first keyframe there is no seek, because some data, such as a palette, comes
            only with the first packet of a container and never after a seek.
        keyframe: its presentation time in ticks; an earlier time reads all packets.
    """
    packets = read_packets(container, stream)
    first = next(packets, None)
    if not first or _get_time(container, first, default=keyframe) != keyframe:
        for seconds in SEEK_EARLIER:
            # For a damaged index FFmpeg returns -1, which PyAV reports as this error. Then continue from here.
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
