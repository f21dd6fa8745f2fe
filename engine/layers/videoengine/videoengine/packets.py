"""A stream's packets, and what FFmpeg does not tell of them: is there a picture to show, can decoding start?"""

from collections.abc import Iterator
from contextlib import suppress

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_START_CODE = b"\0\0\1"
_H264_IDR, _H264_SEI = 5, 6
_RECOVERY_POINT = 6
_HEVC_RANDOM_ACCESS = range(16, 24)
_HEVC_RESETS = range(16, 21)
"""All of them but clean random access (CRA) pictures, and those that are reserved."""


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
    """Whether a decoder that starts at this keyframe gives whole frames from it on.

    Containers and FFmpeg's parser mark more packets as keyframes: H.264's I pictures without a recovery point, where a
    decoder has to guess, and the first ones of a gradual refresh, which makes pictures whole only some frames later.
    """
    if codec.name == "h264":
        return any(unit[0] & 31 == _H264_IDR or _is_recovery_point(unit) for unit in _read_units(packet, codec))
    if codec.name == "hevc":
        return any(_hevc_type(unit) in _HEVC_RANDOM_ACCESS for unit in _read_units(packet, codec))
    return True


def resets_decoder(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """Whether this keyframe makes a decoder forget the packets before it.

    H.264, HEVC and VVC have keyframes that don't: the decoder goes on counting pictures, and takes those that it was
    not given for lost.
    """
    if codec.name == "h264":
        return any(unit[0] & 31 == _H264_IDR for unit in _read_units(packet, codec))
    if codec.name == "hevc":
        return any(_hevc_type(unit) in _HEVC_RESETS for unit in _read_units(packet, codec))
    return codec.name != "vvc"


def _read_units(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> Iterator[bytes]:
    """The NAL units of an H.264 or HEVC packet: each after its length, or else after a start code."""
    data, extradata = bytes(packet), codec.extradata or b""
    if extradata[:1] != b"\1":
        yield from filter(None, data.split(_START_CODE))
        return
    # An avcC or hvcC box (ISO/IEC 14496-15) says how long the lengths are.
    place = 4 if codec.name == "h264" else 21
    length_bytes = (int.from_bytes(extradata[place : place + 1]) & 3) + 1
    while len(data) > length_bytes:
        end = length_bytes + int.from_bytes(data[:length_bytes])
        if unit := data[length_bytes:end]:
            yield unit
        data = data[end:]


def _hevc_type(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _is_recovery_point(unit: bytes) -> bool:
    """Whether an H.264 NAL unit holds a recovery point (D.1.8) whose recovery_frame_cnt is 0, coded as a lone 1 bit."""
    if unit[0] & 31 != _H264_SEI:
        return False
    data, place = unit.replace(b"\0\0\3", b"\0\0"), 1
    while place + 2 < len(data):
        kind, place = _read_sei_number(data, place)
        size, place = _read_sei_number(data, place)
        if kind == _RECOVERY_POINT:
            return bool(data[place : place + 1]) and data[place] >> 7 == 1
        place += size
    return False


def _read_sei_number(data: bytes, place: int) -> tuple[int, int]:
    """A type or a size (H.264, 7.3.2.3.1), which is the sum of bytes up to one below 255; and the place after it."""
    start = place
    while data[place : place + 1] == b"\xff":
        place += 1
    return 255 * (place - start) + int.from_bytes(data[place : place + 1]), place + 1
