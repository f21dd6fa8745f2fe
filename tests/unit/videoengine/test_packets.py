"""Packets: where decoding can start, according to the bits of the standards (H.264 Annex D, 7.3.2.3)."""

import io
from typing import cast

import av
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from videoengine.packets import resets_decoder, shows_picture, starts_decoding
from videoengine.video_file import open_video

IDR, I_SLICE = b"\x65\x88", b"\x41\x88"
RECOVERED_AT_ONCE, RECOVERED_LATER = b"\x06\x06\x01\xc4\x80", b"\x06\x06\x01\x24\x80"
MESSAGES = {
    "a short message": b"\x01\x02\x10\x20",
    "a long message": b"\x05\xff\x01" + bytes(range(255, 0, -1)) + b"\x07",
    "a message with escaped zeros": b"\x05\x04\x00\x00\x03\x00\x01",
}
"""Supplemental messages: type, size, content. The last has four bytes, of which 3 prevents a false start code."""


def join(*units: bytes) -> bytes:
    """Joins units, each after a start code."""
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def make_codec(name: str) -> VideoCodecContext:
    codec = av.CodecContext.create(name, "r")
    assert isinstance(codec, VideoCodecContext)
    return codec


H264 = {
    "an IDR picture": (join(IDR), True, True),
    "an I picture": (join(I_SLICE), False, False),
    "an I picture at a recovery point": (join(RECOVERED_AT_ONCE, I_SLICE), True, False),
    "the beginning of a refresh": (join(RECOVERED_LATER, I_SLICE), False, False),
    **{
        f"a recovery point after {name}": (join(b"\x06" + message + RECOVERED_AT_ONCE[1:], I_SLICE), True, False)
        for name, message in MESSAGES.items()
    },
    "a message that is cut off": (join(b"\x06\x06", b"\x06\xff", I_SLICE), False, False),
}
HEVC = {
    "an IDR picture": (join(b"\x26\x01\xaf"), True, True),
    "a picture after a splice": (join(b"\x20\x01\xaf"), True, True),
    "a clean random access picture": (join(b"\x2a\x01\xaf"), True, False),
    "another picture": (join(b"\x02\x01\xaf"), False, False),
}
OTHERS = {
    "a keyframe of VP9": ("vp9", b"\x82\x49\x83\x42", True, True),
    "a keyframe of VVC": ("vvc", join(b"\x00\x49\x80"), True, False),
}
PACKETS = {
    **{f"H.264: {name}": ("h264", *case) for name, case in H264.items()},
    **{f"HEVC: {name}": ("hevc", *case) for name, case in HEVC.items()},
    **OTHERS,
}


@pytest.mark.parametrize(("codec", "content", "starts", "resets"), PACKETS.values(), ids=PACKETS)
def test_packets_that_start_decoding_or_reset_the_decoder_are_recognized(
    codec: str, content: bytes, starts: bool, resets: bool
) -> None:
    packet, context = cast("Packet[VideoStream]", av.Packet(content)), make_codec(codec)
    assert starts_decoding(packet, context) is starts
    assert resets_decoder(packet, context) is resets


def count_hidden(name: str) -> tuple[int, int]:
    """Counts packets that show nothing, and packets whose last byte announces several frames (VP9, annex B)."""
    with open_video(io.BytesIO(AWKWARD_VIDEOS[name]())) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        hidden = sum(not shows_picture(packet, stream.codec_context) for packet in packets)
    return hidden, sum(bytes(packet)[-1] >> 5 == 0b110 for packet in packets)


@pytest.mark.slow
def test_the_videos_with_hidden_frames_have_them() -> None:
    assert count_hidden("VP8 with hidden frames")[0] > 5
    assert count_hidden("VP9 in WebM") == (0, 0)
    hidden, joined = count_hidden("VP9 with hidden frames")
    assert hidden == 0
    assert joined > 5
    assert count_hidden("VP9 with hidden frames in packets of their own") == (joined, 0)


VP9_PACKETS = {
    "a shown frame": (b"\x86\x00\x40", True),
    "a hidden frame": (b"\x84\x00\x40", False),
    "a frame that is shown again": (b"\x88", True),
    "a shown frame of profile 3": (b"\xb3\x00", True),
    "a hidden frame of profile 3": (b"\xb2\x00", False),
    "a hidden and a shown frame": (b"\x84\x00\x86\xc1\x02\x01\xc1", True),
    "two hidden frames": (b"\x84\x00\x84\xc1\x02\x01\xc1", False),
    "what is no index": (b"\x84\x00\xc1", False),
    "an index of sizes beyond the packet": (b"\x84\xc1\xff\xff\xc1", False),
}


@pytest.mark.parametrize(("content", "shown"), VP9_PACKETS.values(), ids=VP9_PACKETS)
def test_vp9_packets_are_recognized_as_shown_or_hidden(content: bytes, shown: bool) -> None:
    assert shows_picture(cast("Packet[VideoStream]", av.Packet(content)), make_codec("vp9")) is shown
