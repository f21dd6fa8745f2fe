"""Reads packets with the times that players show."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from videojobs.video_formats import begins_at_zero


def read_packets(container: InputContainer, *streams: Stream) -> Iterator["Packet[Any]"]:
    """Yields the packets of `streams` in the file's order. MPEG-TS has a clock that begins anywhere, even after hours:
    its times are counted from the first packet.
    """
    zero = _find_zero(container)
    for packet in container.demux(list(streams)):
        shift = round(zero / packet.time_base) if zero and packet.time_base else 0
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        yield packet


def _find_zero(container: InputContainer) -> Fraction:
    """Returns the time, in seconds, that players show as 0."""
    if begins_at_zero(container.format.name) or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)
