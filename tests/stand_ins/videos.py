"""Small videos whose pictures tell which frame they are."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

WIDTH, HEIGHT = 64, 48
_TIME_BASE = Fraction(1, 1000)


@dataclass(frozen=True)
class VideoSpec:
    """How a video is made.

    Attributes:
        timestamps: milliseconds, for a frame rate that is not constant.
    """

    format: str = "mp4"
    codec: str = "libx264"
    frames: int = 60
    rate: Fraction = Fraction(24)
    keyframe_every: int = 12
    options: Mapping[str, str] = field(default_factory=dict)
    timestamps: Sequence[int] | None = None
    audio: bool = False


def make_video(spec: VideoSpec) -> bytes:
    """Encodes grey pictures, each a little brighter than the one before."""
    file = io.BytesIO()
    with av.open(file, "w", format=spec.format) as container:
        stream = cast(VideoStream, container.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options)))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", spec.keyframe_every
        if spec.timestamps:
            stream.codec_context.time_base = _TIME_BASE
        if spec.audio:
            add_silence(container)
        for index in range(spec.frames):
            container.mux(stream.encode(_make_frame(spec, index)))
        container.mux(stream.encode())
    return file.getvalue()


def brightness(frame: VideoFrame) -> float:
    """Mean grey level, 0 to 255."""
    return float(frame.to_ndarray(format="gray").mean())


def _make_frame(spec: VideoSpec, index: int) -> VideoFrame:
    picture = np.full((HEIGHT, WIDTH, 3), 20 + 2 * index, dtype=np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    if spec.timestamps:
        frame.pts, frame.time_base = spec.timestamps[index], _TIME_BASE
    else:
        frame.pts, frame.time_base = index, 1 / spec.rate
    return frame


def add_silence(container: OutputContainer) -> None:
    """Three seconds of it."""
    stream = container.add_stream("aac", rate=16_000, layout="mono")
    for start in range(0, 48_000, 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
