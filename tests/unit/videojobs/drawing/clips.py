"""Videos to draw on, and readers of drawn videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from videojobs.drawing.video import draw_video
from videojobs.results.samples import Sample

WIDTH, HEIGHT = 320, 180
GRAY = 215
BLUE = (0x5B, 0x9B, 0xFF)
"""The color of the first class."""

SOUND_RATE, TONE_HERTZ = 16_000, 440


@dataclass(frozen=True)
class Clip:
    """How to make a gray video; `sound` is the audio codec of a tone."""

    format: str = "mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    milliseconds: Sequence[int] = tuple(range(0, 2000, 40))
    sound: str | None = None
    sound_rate: int = SOUND_RATE
    options: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        path = folder / f"clip.{self.format}"
        with av.open(str(path), "w", format={"mkv": "matroska"}.get(self.format, self.format)) as container:
            stream = cast(VideoStream, container.add_stream(self.codec, rate=25, options=dict(self.options)))
            stream.width, stream.height, stream.pix_fmt = *self.size, self.pixels
            stream.codec_context.time_base = Fraction(1, 25) if self.format == "avi" else Fraction(1, 1000)
            sound = add_sound(container, self.sound, self.sound_rate) if self.sound else None
            picture = np.full((self.size[1], self.size[0], 3), GRAY, np.uint8)
            for at in self.milliseconds:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = at, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            if sound:
                write_tone(container, sound, seconds=self.milliseconds[-1] // 1000 + 1)
        return path


def add_sound(container: OutputContainer, codec: str, rate: int = SOUND_RATE) -> AudioStream:
    return cast(AudioStream, container.add_stream(codec, rate=rate, layout="mono"))


def write_tone(container: OutputContainer, stream: AudioStream, seconds: int) -> None:
    name = "s16" if stream.codec_context.name.startswith("pcm") else "fltp"
    rate = stream.rate
    for start in range(0, seconds * rate, 1024):
        wave = np.sin(2 * np.pi * TONE_HERTZ * np.arange(start, start + 1024) / rate)[np.newaxis]
        samples = (wave * 20_000).astype(np.int16) if name == "s16" else (wave * 0.6).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format=name, layout="mono")
        frame.sample_rate, frame.pts = rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def make_sample(number: int, x: float, y: float, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Sample:
    """Makes a sample with a box of 60 by 40 pixels around a point."""
    box = {"x": x, "y": y, "width": 60, "height": 40, "confidence": 0.9, "class": "a", "class_id": 0}
    element = {"image": {"width": size[0], "height": size[1]}, "predictions": [box]}
    return Sample.normalize(number, number / 25, {"parts": element})


def draw(video: Path, samples: Sequence[Sample], folder: Path) -> Path:
    output = folder / "annotated.mp4"
    draw_video(video, samples, output, watch=lambda _: None)
    return output


def read_pictures(video: Path) -> list[tuple[float, Any]]:
    """Reads time and pixels (height, width, RGB) of every frame."""
    with av.open(str(video)) as container:
        return [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def find_box(picture: Any) -> tuple[int, int, int, int]:
    """The bounding box of everything drawn in roughly the first class's color, without the box's label."""
    is_blue = (np.abs(picture.astype(int) - BLUE) < 60).all(axis=2)
    rows = np.flatnonzero(is_blue.sum(axis=1) >= 2)
    columns = np.flatnonzero(is_blue.sum(axis=0) >= 20)
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def assert_box_at(picture: Any, x: float, y: float) -> None:
    """Checks that a box of 60 by 40 pixels is drawn around a point; its label is above it."""
    left, _, right, bottom = find_box(picture)
    assert (left, right, bottom) == pytest.approx((x - 30, x + 30, y + 20), abs=3)


def read_sound(video: Path) -> list[tuple[float, bytes]]:
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        return [(float((packet.pts or 0) * packet.time_base), bytes(packet)) for packet in packets]


def encode_picture(width: int, height: int) -> Any:
    """Encodes a gray picture as JPEG, which AVI accepts whatever its header says."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), GRAY, np.uint8), format="rgb24")
    return bytes(encoder.encode(frame.reformat(format="yuvj420p"))[0])


def write_pictures(path: Path, *sizes: tuple[int, int]) -> Path:
    """Writes an AVI whose header declares the first picture's size for all of them."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuvj420p"
        for number, size in enumerate(sizes):
            packet = av.Packet(encode_picture(*size))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def empty_sample(number: int) -> Sample:
    return Sample.normalize(number, number / 25, {"parts": {"predictions": []}})


def is_drawn(picture: Any) -> bool:
    return bool((np.abs(picture.astype(int) - BLUE) < 60).all(axis=2).sum() > 200)
