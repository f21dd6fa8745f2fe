"""Makes the annotated video: draws on each frame the predictions of the nearest sampled frame, and writes H.264 in MP4.

It works frame by frame, so memory does not grow with the video. Audio is copied, or encoded as AAC if few players
support its codec in MP4.
"""

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter.context import FilterContext
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from videojobs.drawing.closed_gaps import ClosedGaps
from videojobs.drawing.frame_times import FrameTimes
from videojobs.drawing.overlay_track import OverlayTrack
from videojobs.drawing.player_times import read_packets
from videojobs.drawing.sample_painter import FrameShape
from videojobs.drawing.sound import SoundKind, choose_sounds, decode
from videojobs.drawing.source import find_video_stream, open_source, read_beginning
from videojobs.errors import NoRoomForVideo, VideoNotDrawable
from videojobs.results.region_counts import RegionCounts
from videojobs.results.samples import Sample

_ENCODER: Final = "libx264"
_CRF = "21"

VERYFAST_MAX_PIXELS = 20_000_000_000
"""Pixels of all frames together: five minutes of 1920 by 1080 at 30 frames a second. A larger video is encoded in half
the time and becomes three times as large (`python -m bench.annotation`), because a function has only 15 minutes.
"""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors that only writing has. FFmpeg does not say which file an error is about."""

_TURNS = {0: [], 90: ["cclock"], -90: ["clock"], 180: ["clock", "clock"], -180: ["clock", "clock"]}
"""The values of FFmpeg's `transpose` that rotate a frame, by `FrameShape.rotation`."""


@dataclass(frozen=True)
class Drawn:
    """An annotated video.

    Attributes:
        frames: The number of its frames.
        left_out_sounds: How many of the video's audio streams it lacks, because MP4 or FFmpeg does not support them.
    """

    frames: int
    left_out_sounds: int


def draw_video(
    video: Path,
    samples: Iterable[Sample],
    output: Path,
    watch: Callable[[float], None],
    *,
    frame_max_pixels: int | None = None,
    start_offset: float | None = None,
    counts: RegionCounts | None = None,
) -> Drawn:
    """Writes the annotated video of `video` to `output`.

    Args:
        samples: The sampled frames in the order of the video.
        watch: Called with the share of the video (0 to 1) that is done. An exception that it raises ends the work.
        frame_max_pixels: The largest frame, width times height. Memory holds dozens of frames at once.
        start_offset: When a player shows the frame at which the samples' times begin, in seconds, or None if unknown.
        counts: The regions to draw, and their counts.

    Raises:
        VideoNotDrawable: The video can't be read, or (`NoRoomForVideo`) the output can't be written; says why.
    """
    try:
        first, times = read_beginning(video, frame_max_pixels, start_offset)
        with open_source(video, frame_max_pixels) as source:
            sounds = choose_sounds(source, lambda: open_source(video, frame_max_pixels))
            with av.open(str(output.absolute()), "w", format="mp4", options={"movflags": "+faststart"}) as target:
                picture = _Picture(target, find_video_stream(source), first, samples, counts=counts)
                frames = _draw_frames(source, target, picture, watch, times=times, sounds=sounds)
            return Drawn(frames, len(source.streams.audio) - len(sounds))
    except av.error.FFmpegError as error:
        if error.errno in _NO_ROOM:
            raise NoRoomForVideo(f"The annotated video can't be written: {error.strerror}.") from error
        raise VideoNotDrawable(f"The video can't be read: {error.strerror}.") from error


def _draw_frames(
    source: InputContainer,
    target: OutputContainer,
    picture: "_Picture",
    watch: Callable[[float], None],
    *,
    times: FrameTimes,
    sounds: Mapping[int, SoundKind],
) -> int:
    """Writes all frames and the audio to `target`, and returns the number of frames."""
    stream = find_video_stream(source)
    stream.thread_type = "AUTO"
    heard = [audio for audio in source.streams.audio if audio.index in sounds]
    written = {audio.index: sounds[audio.index](target, audio) for audio in heard}
    gaps, frames = ClosedGaps(times.time_base), 0
    duration = (source.duration or 0) / av.time_base
    for packet in read_packets(source, stream, *heard):
        if packet.stream.index in written:
            written[packet.stream.index].take(cast("Packet[AudioStream]", packet))
            continue
        times.prepare(cast("Packet[VideoStream]", packet))
        for frame in decode(stream, packet):
            seconds = times.place(frame, frames)
            frame.pts = gaps.close(frame.pts or 0)
            picture.take(frame, seconds)
            frames += 1
        share = float(packet.pts * packet.time_base) / duration if packet.pts is not None and duration else 0.0
        watch(min(1.0, share))
    picture.end()
    for sound in written.values():
        sound.end()
    return frames


class _Picture:
    """The output's video stream: FFmpeg's filters rotate the frames and lay the overlays over them."""

    def __init__(
        self,
        target: OutputContainer,
        source: VideoStream,
        first: VideoFrame,
        samples: Iterable[Sample],
        *,
        counts: RegionCounts | None,
    ) -> None:
        self._target = target
        self._shape, self._format = FrameShape.read(first), first.format.name
        self._overlays = OverlayTrack(samples, self._shape, counts)
        try:
            self._stream = target.add_stream(_ENCODER, rate=source.average_rate or 25)
        except av.codec.codec.UnknownCodecError:
            raise VideoNotDrawable(
                f"This build of PyAV has no {_ENCODER}, which encodes the annotated video."
            ) from None
        self._stream.options = {"preset": choose_preset(source, first), "crf": _CRF}
        context = self._stream.codec_context
        context.width, context.height = (side + side % 2 for side in self._shape.shown_size)
        context.pix_fmt, context.time_base = "yuv420p", source.time_base
        context.color_range = ColorRange.MPEG
        for name in ("colorspace", "color_primaries", "color_trc"):
            setattr(context, name, getattr(first, name))
        context.thread_count = os.process_cpu_count() or 1
        aspect = source.sample_aspect_ratio
        if aspect and aspect > 0:
            context.sample_aspect_ratio = 1 / aspect if self._shape.is_sideways else aspect
        self._video_input, self._overlay_input, self._output = self._build_graph(first)

    def take(self, frame: VideoFrame, seconds: float) -> None:
        """Draws on a frame, `seconds` after the first one, and encodes it."""
        if (frame.width, frame.height) != self._shape.coded_size or frame.format.name != self._format:
            pts, time_base = frame.pts, frame.time_base
            frame = frame.reformat(*self._shape.coded_size, format=self._format)
            frame.pts, frame.time_base = pts, time_base
        overlay = self._overlays.find(seconds)
        overlay.pts, overlay.time_base = frame.pts, frame.time_base
        self._overlay_input.push(overlay)
        self._video_input.push(frame)
        self._encode_ready()

    def end(self) -> None:
        self._overlay_input.push(None)
        self._video_input.push(None)
        self._encode_ready()
        self._target.mux(self._stream.encode())

    def _encode_ready(self) -> None:
        while True:
            try:
                frame = cast(VideoFrame, self._output.pull())
            except (BlockingIOError, av.error.EOFError):
                return
            frame.pict_type = PictureType.NONE  # let the encoder choose, instead of using the source's type
            self._target.mux(self._stream.encode(frame))

    def _build_graph(self, first: VideoFrame) -> tuple[FilterContext, FilterContext, FilterContext]:
        graph = av.filter.Graph()
        video = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=first.time_base)
        chain = [video, *(graph.add("transpose", f"dir={turn}") for turn in _TURNS[self._shape.rotation])]
        # Every player supports limited range (16 to 235) with 4:2:0 subsampling, which needs even sides.
        chain += [graph.add("scale", "out_range=tv"), graph.add("format", "pix_fmts=yuv420p")]
        chain += [graph.add("pad", "ceil(iw/2)*2:ceil(ih/2)*2")]
        width, height = self._shape.shown_size
        overlay = graph.add_buffer(
            width=width, height=height, format=av.VideoFormat("yuva420p"), time_base=first.time_base
        )
        drawn, output = graph.add("overlay", "format=yuv420"), graph.add("buffersink")
        for one, other in pairwise(chain):
            one.link_to(other)
        chain[-1].link_to(drawn, 0, 0)
        overlay.link_to(drawn, 0, 1)
        drawn.link_to(output)
        graph.configure()
        self._graph = graph
        return video, overlay, output


def choose_preset(source: VideoStream, first: VideoFrame) -> str:
    """Returns x264's preset for a video: a faster one for long videos, so that they finish in time."""
    seconds = (cast(InputContainer, source.container).duration or 0) / av.time_base
    pixels = first.width * first.height * seconds * float(source.average_rate or 25)
    return "veryfast" if pixels <= VERYFAST_MAX_PIXELS else "ultrafast"
