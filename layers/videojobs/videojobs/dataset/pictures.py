"""Finds the frame of each sampled time, and makes its picture as players show it."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from videojobs.dataset.orientation import FrameTurn
from videojobs.drawing.frame_times import FrameTimes
from videojobs.drawing.player_times import read_packets
from videojobs.drawing.sound import decode
from videojobs.drawing.source import find_video_stream, open_source, read_beginning
from videojobs.results.samples import Sample

_JPEG_QUALITY = 92
"""Artifacts are not visible, and a picture has about a third of the bytes that it has at the quality 100."""

_ROUNDING_SECONDS = 0.0001
"""Sampled times have four decimals."""


@dataclass(frozen=True)
class ShownFrame:
    """A decoded frame.

    Attributes:
        number: From 0, without frames that can't be decoded.
        seconds: The time from the frame at which the results' times begin.
    """

    number: int
    seconds: float
    frame: VideoFrame

    @property
    def turn(self) -> FrameTurn:
        return FrameTurn.read(self.frame)

    def make_jpeg(self) -> bytes:
        """Returns the picture that players show, with all pixels of the frame."""
        file = io.BytesIO()
        stored = self.frame.to_image()  # type: ignore[no-untyped-call]
        self.turn.turn_picture(stored).save(file, "JPEG", quality=_JPEG_QUALITY)
        return file.getvalue()


def find_frames(
    video: Path,
    samples: Iterable[Sample],
    watch: Callable[[float], None],
    *,
    frame_max_pixels: int | None,
    start_offset: float | None,
) -> Iterator[tuple[Sample, ShownFrame | None]]:
    """Yields each sample with the frame that is nearest in time, and decodes the video once, up to the last of them.

    There is no frame if the nearest one is more than half the distance of two frames away: then the sample's own frame
    can't be decoded.

    Args:
        samples: In the order of the video.
        watch: Called with the share of the video (0 to 1) that is done.
        frame_max_pixels, start_offset: As for `draw_video`.

    Raises:
        VideoNotDrawable, FFmpegError: The video can't be read.
    """
    _, times = read_beginning(video, frame_max_pixels, start_offset)
    tolerance = float(times.step * times.time_base) / 2 + _ROUNDING_SECONDS
    with open_source(video, frame_max_pixels) as source:
        frames = _decode_frames(source, times, watch)
        before, after = None, next(frames, None)
        for sample in samples:
            while after and after.seconds < sample.time_offset:
                before, after = after, next(frames, None)
            near = [frame for frame in (before, after) if frame and _measure_distance(frame, sample) <= tolerance]
            yield sample, min(near, key=lambda frame: _measure_distance(frame, sample), default=None)


def _measure_distance(frame: ShownFrame, sample: Sample) -> float:
    return abs(frame.seconds - sample.time_offset)


def _decode_frames(source: InputContainer, times: FrameTimes, watch: Callable[[float], None]) -> Iterator[ShownFrame]:
    stream = find_video_stream(source)
    stream.thread_type = "AUTO"
    duration, number = (source.duration or 0) / av.time_base, 0
    for packet in read_packets(source, stream):
        times.prepare(packet)
        for frame in decode(stream, packet):
            shown = cast(VideoFrame, frame)
            yield ShownFrame(number, times.place(shown, number), shown)
            number += 1
        share = float(packet.pts * packet.time_base) / duration if packet.pts is not None and duration else 0.0
        watch(min(1.0, max(0.0, share)))
