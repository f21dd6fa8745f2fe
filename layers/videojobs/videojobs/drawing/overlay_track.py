"""The overlay of each frame of a video: that of the sampled frame that is nearest in time."""

from collections import deque
from collections.abc import Iterable

from av.video.frame import VideoFrame

from videojobs.drawing.sample_painter import FrameShape, SamplePainter
from videojobs.results.region_counts import RegionCounts
from videojobs.results.samples import Sample


class OverlayTrack:
    """The overlays of a video. Frames find theirs by time, so a frame that can't be decoded does not shift the others.

    Args:
        samples: In the order of the video.
        shape: The shape of the video's frames.
        counts: The regions to draw, and their counts.
    """

    def __init__(self, samples: Iterable[Sample], shape: FrameShape, counts: RegionCounts | None = None) -> None:
        self._samples = iter(samples)
        self._painter = SamplePainter(shape, counts)
        self._current = next(self._samples, None)
        self._next = next(self._samples, None)
        self._overlay: VideoFrame | None = None

    def find(self, seconds: float) -> VideoFrame:
        """Returns the overlay (yuva420p) of a frame, at the same or a later time than in the last call.

        It returns the same object as long as the overlay does not change.

        Args:
            seconds: The frame's time, from the video's first frame.
        """
        while self._next and self._current and _is_nearer(self._next, self._current, seconds):
            if self._overlay is None:
                deque(self._painter.classes.list_marks(self._current), maxlen=0)  # its classes have numbers
            self._current, self._next, self._overlay = self._next, next(self._samples, None), None
        if self._overlay is None:
            self._overlay = self._draw(self._current)
        return self._overlay

    def _draw(self, sample: Sample | None) -> VideoFrame:
        picture = self._painter.draw(sample)
        return VideoFrame.from_bytes(picture.tobytes(), *picture.size, format="rgba").reformat(format="yuva420p")


def _is_nearer(one: Sample, other: Sample, seconds: float) -> bool:
    # Offsets are rounded to four decimals. If both are equally near, `one` is not nearer.
    return abs(one.time_offset - seconds) + 0.0001 < abs(seconds - other.time_offset)
