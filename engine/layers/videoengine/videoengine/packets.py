"""Finds out what FFmpeg doesn't report about packets: whether they show a picture, and whether decoding can start."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from videoengine.mpeg4_headers import HEADERS_BYTES, is_coded

if TYPE_CHECKING:
    from collections.abc import Buffer

_START_CODE = b"\0\0\1"
_H264_IDR, _H264_SEI = 5, 6
_RECOVERY_POINT = 6
_HEVC_RANDOM_ACCESS = range(16, 24)
_HEVC_RESETS = range(16, 21)
"""All of `_HEVC_RANDOM_ACCESS` except clean random access (CRA) pictures and reserved types."""


def shows_picture(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """Whether a packet holds a picture that is shown.

    False for skipped frames of MPEG-4, and for hidden frames of VP8 and VP9, which only serve as references for other
    frames and may have packets of their own.
    """
    if codec.name == "vp8":
        # RFC 6386, section 9.1: the fifth bit is show_frame.
        return bool(memoryview(packet)[0] >> 4 & 1)
    if codec.name == "mpeg4":
        # In AVI, a skipped picture may also stand for one that came in the previous packet ("packed bitstream").
        return bool(codec.has_b_frames) or is_coded(bytes(memoryview(packet)[:HEADERS_BYTES]), codec.extradata or b"")
    return codec.name != "vp9" or any(map(_shows_vp9_frame, _read_vp9_frames(memoryview(packet))))


def _read_vp9_frames(data: memoryview) -> Iterator[int]:
    """The first byte of each frame in a packet. A superframe holds several, with an index of their sizes at the end."""
    # VP9 bitstream specification, annex B.
    marker = data[-1]
    count, size_bytes = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index_bytes = 2 + count * size_bytes
    if marker >> 5 != 0b110 or index_bytes > len(data) or data[-index_bytes] != marker:
        yield data[0]
        return
    place, sizes = 0, data[-index_bytes + 1 : -1]
    for number in range(count):
        size = int.from_bytes(sizes[number * size_bytes : (number + 1) * size_bytes], "little")
        if size and place < len(data):
            yield data[place]
        place += size


def _shows_vp9_frame(first: int) -> bool:
    """Whether a VP9 frame is shown.

    Args:
        first: the first byte of its uncompressed header. Its bits are marker (2), profile (2), show_existing_frame,
            frame_type, show_frame.
    """
    if first >> 4 & 3 == 3:
        first <<= 1  # profile 3 has a reserved bit after the profile
    return bool(first & 0b1010)


def starts_decoding(content: "Buffer", codec: VideoCodecContext) -> bool:
    """Whether a decoder that starts at this keyframe returns whole frames from there.

    Args:
        content: of the keyframe's packet, or its beginning. If it is true for the beginning, it is true for the packet.

    Containers and FFmpeg's parser mark further packets as keyframes: I pictures of H.264 without a recovery point,
    where a decoder must guess, and the first pictures of a gradual refresh, after which pictures become whole only some
    frames later.
    """
    if codec.name == "h264":
        return any(unit[0] & 31 == _H264_IDR or _is_recovery_point(unit) for unit in _read_units(content, codec))
    if codec.name == "hevc":
        return any(_hevc_type(unit) in _HEVC_RANDOM_ACCESS for unit in _read_units(content, codec))
    return True


def resets_decoder(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """Whether this keyframe resets the decoder, so that skipped packets before it don't matter.

    H.264, HEVC and VVC also have keyframes that don't. There the decoder continues to count pictures, and treats
    skipped ones as lost.
    """
    if codec.name == "h264":
        return any(unit[0] & 31 == _H264_IDR for unit in _read_units(packet, codec))
    if codec.name == "hevc":
        return any(_hevc_type(unit) in _HEVC_RESETS for unit in _read_units(packet, codec))
    return codec.name != "vvc"


def _read_units(content: "Buffer", codec: VideoCodecContext) -> Iterator[bytes]:
    """The NAL units of an H.264 or HEVC packet, which follow either lengths or start codes."""
    data, extradata = bytes(content), codec.extradata or b""
    if extradata[:1] != b"\1":
        yield from filter(None, data.split(_START_CODE))
        return
    # The avcC or hvcC box (ISO/IEC 14496-15) contains the size of the lengths.
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
    """Whether an H.264 NAL unit holds a recovery point (D.1.8) with recovery_frame_cnt 0, coded as a single 1 bit."""
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
    """A type or size of an SEI message (H.264, 7.3.2.3.1), and the place after it.

    The number is the sum of all bytes up to the first below 255.
    """
    start = place
    while data[place : place + 1] == b"\xff":
        place += 1
    return 255 * (place - start) + int.from_bytes(data[place : place + 1]), place + 1
