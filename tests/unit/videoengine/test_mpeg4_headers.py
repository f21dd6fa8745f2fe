"""MPEG-4 Part 2: coded pictures, and pictures that the encoder left out."""

import io
from fractions import Fraction
from typing import cast

import av
import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from tests.stand_ins.videos import VideoSpec, make_video
from tests.unit.videoengine.test_packets import make_codec
from videoengine.packets import shows_picture
from videoengine.video_file import open_video


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(24), Fraction(25), Fraction(30000, 1001)])
@pytest.mark.parametrize("container_format", ["avi", "matroska"])
def test_mpeg_4_pictures_that_were_left_out_are_detected(rate: Fraction, container_format: str) -> None:
    video = make_video(VideoSpec(container_format, "mpeg4", rate=rate, frames=20, texture=True))
    with open_video(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert all(shows_picture(packet, codec) for packet in packets)
        increment_bits = max((rate.numerator - 1).bit_length(), 1)
        # P (1), no new second (0), a marker, the time, a marker, not coded (0).
        bits = "01" + "0" + "1" + "0" * increment_bits + "1" + "0"
        content = b"\0\0\1\xb6" + int(bits.ljust(32, "1"), 2).to_bytes(4)
        assert not shows_picture(cast("Packet[VideoStream]", av.Packet(content)), codec)
        shown = content[:-4] + int((bits[:-1] + "1").ljust(32, "1"), 2).to_bytes(4)
        assert shows_picture(cast("Packet[VideoStream]", av.Packet(shown)), codec)


def test_an_mpeg_4_packet_that_cannot_be_parsed_counts_as_a_picture() -> None:
    for content in (b"\0\0\1\xb6\x50\x4f", b"\0\0\1\x20\xff", b"\0\0\1\x20\xff\0\0\1\xb6\x50", b"x"):
        assert shows_picture(cast("Packet[VideoStream]", av.Packet(content)), make_codec("mpeg4"))
