"""What FFmpeg does not tell of a packet: is there a picture to show, can decoding start?"""

from collections.abc import Iterator

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from videoengine.mpeg4_headers import HEADERS_BYTES, is_coded

_START_CODE = b"\0\0\1"
_H264_IDR, _H264_SEI = 5, 6
_RECOVERY_POINT = 6
_HEVC_RANDOM_ACCESS = range(16, 24)
_HEVC_RESETS = range(16, 21)
"""All of them but clean random access (CRA) pictures, and those that are reserved."""


def shows_picture(packet: "Packet[VideoStream]", codec: VideoCodecContext) -> bool:
    """False for frames of MPEG-4 that were left out, and for hidden frames of VP8 and VP9: others are made from these,
    which may have packets of their own."""
    if codec.name == "vp8":
        # RFC 6386, section 9.1: the fifth bit is show_frame.
        return bool(memoryview(packet)[0] >> 4 & 1)
    if codec.name == "mpeg4":
        # In AVI, a picture that is left out may also stand for one that came in the packet before ("packed").
        return bool(codec.has_b_frames) or is_coded(bytes(memoryview(packet)[:HEADERS_BYTES]), codec.extradata or b"")
    return codec.name != "vp9" or any(map(_shows_vp9_frame, _read_vp9_frames(memoryview(packet))))


def _read_vp9_frames(data: memoryview) -> Iterator[int]:
    """The first byte of each frame in a packet: of one, or of several that an index at the end gives the sizes of."""
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
    """From the bits of an uncompressed header: marker (2), profile (2), show_existing_frame, frame_type, show_frame."""
    if first >> 4 & 3 == 3:
        first <<= 1  # profile 3 has a reserved bit before them
    return bool(first & 0b1010)


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
