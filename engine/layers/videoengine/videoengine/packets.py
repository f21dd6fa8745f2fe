"""A stream's packets, and what FFmpeg does not tell of them: is there a picture to show, can decoding start?"""

from collections.abc import Iterator
from contextlib import suppress

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_START_CODE = b"\0\0\1"
_SEI = 6
_RECOVERY_POINT = 6


def read_packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    """Those that are whole, up to the end or to where the file can't be read any further, as players do."""
    with suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            # One that is cut off is the last of a file that is; an empty one ends every stream.
            if packet.size and not packet.is_corrupt:
                yield packet


def shows_picture(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """False for VP8's hidden frames, which others are made from and which have packets and times of their own.

    VP9 and AV1 have them too, but in one packet with a frame that is shown.
    """
    # RFC 6386, section 9.1: the fifth bit is show_frame.
    return codec.name != "vp8" or bool(bytes(packet)[0] >> 4 & 1)


def starts_decoding(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """False for an H.264 keyframe that begins a gradual refresh: pictures are whole only some frames later."""
    if codec.name != "h264":
        return True
    return not any(_waits_for_recovery(unit) for unit in _split_units(bytes(packet), codec.extradata or b""))


def _split_units(data: bytes, extradata: bytes) -> Iterator[bytes]:
    """The packet's NAL units: each after its length, if `extradata` is an avcC box, or else after a start code."""
    if extradata[:1] != b"\1":
        yield from data.split(_START_CODE)
        return
    length_bytes = (extradata[4] & 3) + 1
    while len(data) > length_bytes:
        end = length_bytes + int.from_bytes(data[:length_bytes])
        yield data[length_bytes:end]
        data = data[end:]


def _waits_for_recovery(unit: bytes) -> bool:
    """A recovery point (H.264, D.1.8) whose recovery_frame_cnt, coded as a lone 1 bit when it is 0, is not 0."""
    if not unit or unit[0] & 31 != _SEI:
        return False
    place = 1
    while place + 2 < len(unit):
        kind, size = unit[place], unit[place + 1]
        if kind == _RECOVERY_POINT:
            return not unit[place + 2] >> 7
        if 255 in (kind, size):
            return False
        place += 2 + size
    return False
