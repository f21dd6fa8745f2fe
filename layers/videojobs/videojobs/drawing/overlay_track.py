"""Which overlay belongs to which frame of a video: that of the nearest sampled frame, kept for as long as it is."""

from collections.abc import Iterable

from av.video.frame import VideoFrame

from videojobs.drawing.sample_painter import FrameShape, SamplePainter
from videojobs.results.samples import Sample


class OverlayTrack:
    """The overlays of a video, asked for frame by frame, by time: one that does not decode moves none of the others.

    Args:
        samples: In the order of the video.
        shape: The shape of the video's frames.
    """

    def __init__(self, samples: Iterable[Sample], shape: FrameShape) -> None:
        self._samples = iter(samples)
        self._painter = SamplePainter(shape)
        self._current = next(self._samples, None)
        self._next = next(self._samples, None)
        self._overlay: VideoFrame | None = None

    def find(self, seconds: float) -> VideoFrame:
        """The overlay (yuva420p) for a frame, later than the last, by its seconds from the video's first. The same
        object twice is the same overlay."""
        while self._next and self._current and self._is_nearer(seconds):
            self._current, self._next, self._overlay = self._next, next(self._samples, None), None
        if self._overlay is None:
            self._overlay = self._draw(self._current)
        return self._overlay

    def _is_nearer(self, seconds: float) -> bool:
        """Whether the next sample is nearer to a frame than the current one; of two as near, the earlier counts."""
        assert self._current is not None  # noqa: S101  for the type checker
        assert self._next is not None  # noqa: S101
        # Offsets are rounded to four decimals.
        return abs(self._next.time_offset - seconds) + 0.0001 < abs(seconds - self._current.time_offset)

    def _draw(self, sample: Sample | None) -> VideoFrame:
        picture = self._painter.draw(sample)
        return VideoFrame.from_bytes(picture.tobytes(), *picture.size, format="rgba").reformat(format="yuva420p")
