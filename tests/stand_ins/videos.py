"""Small videos whose pictures show, by their brightness, which frame they are."""

import io
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

WIDTH, HEIGHT = 64, 48
_TIME_BASE = Fraction(1, 1000)


@dataclass(frozen=True)
class VideoSpec:
    """How to make a video.

    Attributes:
        format: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        frames: The number of frames.
        rate: Frames a second.
        keyframe_every: The distance between regular keyframes, in frames.
        keyframes: Indices of additional keyframes.
        options: Options of the encoder.
        container_options: Options of the muxer.
        timestamps: Milliseconds, one per frame, for a variable frame rate.
        audio: Whether to add three seconds of silence.
        width, height: Pixels.
        rotation: Degrees, counterclockwise, by which players turn the pictures.
        texture: Moving patterns, so that frames depend on the frames they are coded from; otherwise plain gray.
        cuts: Indices of the frames at which the patterns change, as at a scene cut; needs `texture`.
        two_passes: Whether the encoder analyzes all pictures before it encodes the first.
        title: The stream's title.
        creation_time: What the container gets as its creation time, in ISO 8601.
    """

    format: str = "mp4"
    codec: str = "libx264"
    frames: int = 60
    rate: Fraction = Fraction(24)
    keyframe_every: int = 12
    keyframes: Collection[int] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    timestamps: Sequence[int] | None = None
    audio: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    pixel_format: str = "yuv420p"
    rotation: int = 0
    texture: bool = False
    cuts: Collection[int] = ()
    two_passes: bool = False
    title: str = ""
    creation_time: str = ""


def make_video(spec: VideoSpec) -> bytes:
    """Encodes pictures, each a little brighter than the one before."""
    if not spec.two_passes:
        return _encode(spec, 0)[0]
    _, statistics = _encode(spec, Flags.pass1)
    return _encode(spec, Flags.pass2, statistics)[0]


def _encode(spec: VideoSpec, flags: int, statistics: str | None = None) -> tuple[bytes, str | None]:
    """Returns the video, and the statistics of a first pass for a second one."""
    options = dict(spec.container_options)
    # FFmpeg opens a file again by its name to write an index of fragments at its beginning.
    needs_name = "global_sidx" in options.get("movflags", "")
    with (
        kept_priority(),
        tempfile.NamedTemporaryFile() if needs_name else io.BytesIO() as file,
        av.open(file.name if needs_name else file, "w", format=spec.format, options=options) as container,
    ):
        stream = cast(VideoStream, container.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options)))
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, spec.pixel_format
        stream.gop_size = spec.keyframe_every
        if spec.creation_time:
            container.metadata["creation_time"] = spec.creation_time
        if spec.title:
            stream.metadata["title"] = spec.title
        if spec.rotation:
            stream.set_display_rotation(spec.rotation)
        stream.codec_context.flags |= flags
        stream.codec_context.stats_in = statistics
        if spec.timestamps:
            stream.codec_context.time_base = _TIME_BASE
        if spec.audio:
            add_silence(container)
        for index in range(spec.frames):
            container.mux(stream.encode(_make_frame(spec, index)))
        container.mux(stream.encode())
        statistics = stream.codec_context.stats_out
        container.close()
        file.seek(0)
        return file.read(), statistics


def copy_packets(
    video: bytes,
    container_format: str,
    *,
    first: int = 0,
    bitstream_filter: str | None = None,
    change: Callable[[int, "Packet[VideoStream]"], None] | None = None,
) -> bytes:
    """Copies packets unchanged into another container, with times that begin at 0.

    Args:
        first: The number of the first packet to copy.
        bitstream_filter: FFmpeg's name of a bitstream filter to apply.
        change: Called with each packet's number and the packet before it is written.
    """
    file = io.BytesIO()
    # FFmpeg's muxers would undo what some filters do.
    options = {"fflags": "-autobsf"} if bitstream_filter else {}
    with (
        av.open(io.BytesIO(video), "r") as source,
        av.open(file, "w", format=container_format, options=options) as target,
    ):
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size][first:]
        if bitstream_filter:
            context = av.BitStreamFilterContext(bitstream_filter, stream)
            packets = [filtered for packet in packets for filtered in context.filter(packet)]
        start = next(packet.dts for packet in packets if packet.dts is not None)
        for number, packet in enumerate(packets):
            packet.pts = None if packet.pts is None else packet.pts - start
            packet.dts = None if packet.dts is None else packet.dts - start
            if change:
                change(number, packet)
            packet.stream = copied
            target.mux(packet)
    return file.getvalue()


@contextmanager
def kept_priority() -> Iterator[None]:
    """Restores this thread's scheduling policy when the block ends.

    As root, SVT-AV1 gives its thread real-time priority, which would starve all others.
    """
    if not hasattr(os, "sched_getscheduler"):  # only Linux has this call, and the problem
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def make_growing_video() -> bytes:
    """Makes a video of one second at the declared size, then two seconds with 16 times as many pixels."""
    packets = [*_encode_black(WIDTH, HEIGHT, 24), *_encode_black(4 * WIDTH, 4 * HEIGHT, 48)]
    return write_packets([(content, index % 24 == 0) for index, content in enumerate(packets)], "avi", "libx264")


def write_packets(packets: Iterable[tuple[bytes, bool]], container_format: str, codec: str) -> bytes:
    """Writes a file of encoded packets, which are shown in this order, 24 a second.

    Args:
        packets: Each packet's content, and whether it is a keyframe.
        container_format: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=24))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, (content, is_keyframe) in enumerate(packets):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 24)
            packet.is_keyframe = is_keyframe
            container.mux(packet)
    return file.getvalue()


def _encode_black(width: int, height: int, frames: int) -> list[bytes]:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.gop_size = width, height, "yuv420p", 24
    codec.time_base, codec.framerate, codec.options = Fraction(1, 24), Fraction(24), {"tune": "zerolatency"}
    packets = []
    for index in range(frames):
        frame = VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
        frame.pts = index
        packets += codec.encode(frame)
    return [bytes(packet) for packet in [*packets, *codec.encode(None)]]


def brightness(frame: VideoFrame) -> float:
    """Returns a frame's mean gray level, 0 to 255."""
    return float(frame.to_ndarray(format="gray").mean())


def _make_frame(spec: VideoSpec, index: int) -> VideoFrame:
    picture = np.full((spec.height, spec.width, 3), 20 + 2 * index % 200, dtype=np.uint8)
    if spec.texture:
        rows, columns = np.mgrid[: spec.height, : spec.width]
        if sum(cut <= index for cut in spec.cuts) % 2:
            rows, columns = rows**2, 63 - columns**2 // 9
        waves = columns * 4 + index * 5, rows * 5 - index * 3, (columns + rows) * 2 + index * 7
        picture += np.stack([abs(wave % 64 - 32) for wave in waves], axis=-1).astype(np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    if index in spec.keyframes:
        frame.pict_type = PictureType.I
    if spec.timestamps:
        frame.pts, frame.time_base = spec.timestamps[index], _TIME_BASE
    else:
        frame.pts, frame.time_base = index, 1 / spec.rate
    return frame


def add_silence(container: OutputContainer) -> None:
    """Adds three seconds of silence."""
    stream = container.add_stream("aac", rate=16_000, layout="mono")
    for start in range(0, 48_000, 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def put_index_first(mp4: bytes) -> bytes:
    """Moves an MP4's index before its frames, as for the web ("fast start")."""
    frames, end = mp4.index(b"mdat") - 4, mp4.rindex(b"moov") - 4
    index = bytearray(mp4[end:])
    for found in re.finditer(b"stco", index):
        count = int.from_bytes(index[found.end() + 4 : found.end() + 8])
        for place in range(found.end() + 8, found.end() + 8 + 4 * count, 4):
            index[place : place + 4] = (int.from_bytes(index[place : place + 4]) + len(index)).to_bytes(4)
    return mp4[:frames] + index + mp4[frames:end]
