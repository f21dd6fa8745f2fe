"""Finds MPEG-4 Part 2 packets without a picture: encoders skip frames in which nothing moves (ISO/IEC 14496-2)."""

import re

HEADERS_BYTES = 1024
"""How much of a packet is read. The headers are at its beginning, before the picture's data."""

_LAYER = re.compile(rb"\x00\x00\x01[\x20-\x2f](.{1,40})", re.DOTALL)
_PICTURE = re.compile(rb"\x00\x00\x01\xb6(.{1,16})", re.DOTALL)


def is_coded(packet: bytes, extradata: bytes) -> bool:
    """Whether a packet holds a coded picture (6.2.5, vop_coded); True if that can't be determined.

    Args:
        packet: at least its first `HEADERS_BYTES`.
        extradata: of the codec. It describes the video object layer if the packet doesn't.
    """
    layer, picture = _LAYER.search(packet) or _LAYER.search(extradata), _PICTURE.search(packet)
    if not layer or not picture:
        return True
    # vop_coding_type (2 bits), modulo_time_base (ones and a zero), a marker, vop_time_increment, a marker, vop_coded.
    bits = _to_bits(picture[1])
    place = bits.find("0", 2) + 2 + _count_increment_bits(layer[1].ljust(40, b"\0")) + 1
    return bits[place : place + 1] != "0"


def _count_increment_bits(layer: bytes) -> int:
    """The length of a vop_time_increment in bits, which depends on vop_time_increment_resolution (6.2.3)."""
    bits, place = _to_bits(layer), 9
    place += 8 if bits[place] == "1" else 1  # is_object_layer_identifier
    place += 20 if bits[place : place + 4] == "1111" else 4  # aspect_ratio_info
    if bits[place] == "1":  # vol_control_parameters
        place += 4
        place += 80 if bits[place] == "1" else 1  # vbv_parameters
    else:
        place += 1
    place += 3  # video_object_layer_shape, always rectangular in files, and a marker
    return max((int(bits[place : place + 16], 2) - 1).bit_length(), 1)


def _to_bits(content: bytes) -> str:
    return f"{int.from_bytes(content):0{8 * len(content)}b}"
