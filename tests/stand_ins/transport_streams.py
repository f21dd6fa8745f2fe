"""MPEG transport streams (ISO/IEC 13818-1) with more than FFmpeg's muxer writes by itself."""

from collections.abc import Iterator
from dataclasses import replace

from tests.stand_ins.videos import VideoSpec, make_video

PACKET_BYTES = 188
SERVICES = (1, 2)


def make_two_programs(first: VideoSpec, second: VideoSpec) -> bytes:
    """Makes a stream of two programs, as a transmitter sends them: one packet of each in turn."""
    streams = [_split(make_video(_as_service(spec, number))) for spec, number in ((first, 1), (second, 2))]
    mixed, packets = _list_programs(), [list(stream) for stream in streams]
    for index in range(max(map(len, packets))):
        for stream in packets:
            mixed += b"".join(stream[index : index + 1])
    return mixed


def cut_beginning(spec: VideoSpec) -> bytes:
    """Makes a stream without its first third, as a receiver sees it that is switched on while a program runs."""
    video = make_video(spec)
    return video[len(video) // PACKET_BYTES // 3 * PACKET_BYTES :]


def _as_service(spec: VideoSpec, number: int) -> VideoSpec:
    options = {
        "mpegts_service_id": str(number),
        "mpegts_pmt_start_pid": str(_find_map_pid(number)),
        "mpegts_start_pid": str(0x100 * number),
    }
    return replace(spec, format="mpegts", container_options=options)


def _find_map_pid(number: int) -> int:
    return 0x1000 + number


def _split(stream: bytes) -> Iterator[bytes]:
    """Yields the packets without the tables of a stream that has only one program (PID 0)."""
    for start in range(0, len(stream), PACKET_BYTES):
        packet = stream[start : start + PACKET_BYTES]
        if int.from_bytes(packet[1:3]) & 0x1FFF:
            yield packet


def _list_programs() -> bytes:
    """Makes the packet with the program association table (2.4.4.3)."""
    programs = b"".join(number.to_bytes(2) + (0xE000 | _find_map_pid(number)).to_bytes(2) for number in SERVICES)
    section = b"\x00" + (0xB000 | 5 + len(programs) + 4).to_bytes(2) + b"\x00\x01\xc1\x00\x00" + programs
    packet = b"\x47\x40\x00\x10\x00" + section + _checksum(section).to_bytes(4)
    return packet.ljust(PACKET_BYTES, b"\xff")


def _checksum(content: bytes) -> int:
    """Computes the CRC of annex A."""
    remainder = 0xFFFF_FFFF
    for byte in content:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x04C1_1DB7 if remainder >> 31 else 0)
        remainder &= 0xFFFF_FFFF
    return remainder
