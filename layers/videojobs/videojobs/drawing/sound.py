"""The audio streams of an annotated video: copied, or encoded as AAC, or left out if neither works."""

import io
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from videojobs.drawing.closed_gaps import ClosedGaps

SOUNDS_MAX = 16
"""Each audio stream needs an encoder, and a file may declare thousands of streams."""

TRIAL_PACKETS = 20
"""How many packets of a stream are tried: FFmpeg writes MP4's header with the first of them."""

_KEPT_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""The codecs that players support in MP4."""

_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""The sample rates that AAC has and players support."""

type SoundKind = Callable[[OutputContainer, AudioStream], CopiedSound | EncodedSound]


class CopiedSound:
    """An audio stream that is copied to the output."""

    def __init__(self, target: OutputContainer, source: AudioStream) -> None:
        self._target, self._stream = target, target.add_stream_from_template(source)
        self._last_dts: int | None = None
        self._gaps = ClosedGaps(source.time_base)

    def take(self, packet: "Packet[AudioStream]") -> None:
        if packet.dts is None or (self._last_dts is not None and packet.dts <= self._last_dts):
            return  # the end of the stream, or a packet that is not later than the last, which MP4 does not allow
        self._last_dts, packet.stream = packet.dts, self._stream
        closed = packet.dts - self._gaps.close(packet.dts)
        packet.pts, packet.dts = None if packet.pts is None else packet.pts - closed, packet.dts - closed
        self._target.mux(packet)

    def end(self) -> None:
        """Does nothing: no packet is buffered."""


class EncodedSound:
    """An audio stream that is encoded as AAC, at the next higher rate that AAC has."""

    def __init__(self, target: OutputContainer, source: AudioStream) -> None:
        rate = next((rate for rate in _AAC_RATES if rate >= source.rate), _AAC_RATES[-1])
        self._target, self._source = target, source
        self._stream = target.add_stream("aac", rate=rate)
        self._stream.codec_context.layout = "stereo" if source.codec_context.channels > 1 else "mono"
        self._resampler = AudioResampler("fltp", self._stream.codec_context.layout, rate, frame_size=1024)
        self._gaps = ClosedGaps(source.time_base)

    def take(self, packet: "Packet[AudioStream]") -> None:
        for frame in decode(self._source, packet):
            if frame.pts is not None:
                frame.pts = self._gaps.close(frame.pts)
            self._encode(frame)

    def end(self) -> None:
        self._encode(None)
        self._target.mux(self._stream.encode())

    def _encode(self, frame: Any) -> None:
        for resampled in self._resampler.resample(frame):
            self._target.mux(self._stream.encode(resampled))


def choose_sounds(source: InputContainer, open_again: Callable[[], InputContainer]) -> Mapping[int, SoundKind]:
    """Chooses how to write the audio streams of a file to an MP4, by the stream's index, without unsupported ones.

    An unsupported stream would prevent the whole file from being written, so the beginning of each is tried alone.

    Args:
        open_again: Opens the same file, at its beginning.
    """
    chosen: dict[int, SoundKind] = {}
    for stream in list(source.streams.audio)[:SOUNDS_MAX]:
        if not stream.codec_context:  # FFmpeg does not know the codec
            continue
        is_kept = stream.codec_context.name.removesuffix("float") in _KEPT_AUDIO
        kinds: list[SoundKind] = [CopiedSound, EncodedSound] if is_kept else [EncodedSound]
        kind = next((kind for kind in kinds if _works(open_again, stream.index, kind)), None)
        if kind:
            chosen[stream.index] = kind
    return chosen


def decode(stream: Any, packet: Any) -> Iterator[Any]:
    """Yields the frames that a packet completes. A damaged packet yields none, because the next one may be valid.

    Each decoder reports damage by other errors: AV1's by running out of memory.
    """
    try:
        yield from stream.codec_context.decode(packet if packet.size else None)
    except av.error.FFmpegError:
        return


def _works(open_again: Callable[[], InputContainer], index: int, kind: SoundKind) -> bool:
    """Returns whether the beginning of an audio stream can be written to an MP4 of its own."""
    try:
        with open_again() as source, av.open(io.BytesIO(), "w", format="mp4") as target:
            [stream] = [stream for stream in source.streams.audio if stream.index == index]
            sound = kind(target, stream)
            for packet in islice(source.demux(stream), TRIAL_PACKETS):
                sound.take(packet)
            sound.end()
    except (av.error.FFmpegError, ValueError, TypeError, ZeroDivisionError):
        return False
    return True
