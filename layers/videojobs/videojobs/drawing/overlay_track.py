"""Which overlay belongs to which frame of a video: that of the nearest sampled frame, kept for as long as it is."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image

from videojobs.drawing.overlays import ClassStyle, draw_overlay, pick_color
from videojobs.results.marks import Mark, read_image_size, read_marks
from videojobs.results.samples import Sample

type Size = tuple[int, int]
type Move = Callable[[float, float], tuple[float, float]]


class OverlayTrack:
    """The overlays of a video, asked for frame by frame, by time: one that does not decode moves none of the others.

    Args:
        samples: In the order of the video.
        coded_size: Width and height of the frames as they are stored.
        shown_size: Width and height of the frames as they are shown.
        rotation: Degrees, counterclockwise, by which a stored frame is shown turned: 0, ±90 or ±180.
    """

    def __init__(self, samples: Iterable[Sample], coded_size: Size, shown_size: Size, rotation: int) -> None:
        self._samples = iter(samples)
        self._coded_size, self._shown_size, self._rotation = coded_size, shown_size, rotation
        self._numbers: dict[tuple[str, str], int] = {}
        self._styles: list[ClassStyle] = []
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

    def draw_picture(self, sample: Sample | None) -> Image.Image:
        """The overlay of a sample, transparent (RGBA) where nothing was found."""
        marks: list[Mark] = []
        for model_id, element in sample.elements if sample else ():
            found = list(read_marks(element, partial(self._number_class, model_id)))
            marks += self._place(found, read_image_size(element))
        return draw_overlay(self._shown_size, marks, self._styles)

    def _draw(self, sample: Sample | None) -> VideoFrame:
        picture = self.draw_picture(sample)
        frame = VideoFrame.from_bytes(picture.tobytes(), *self._shown_size, format="rgba")
        return frame.reformat(format="yuva420p")

    def _number_class(self, model_id: str, name: str) -> int:
        number = self._numbers.setdefault((model_id, name), len(self._numbers))
        if number == len(self._styles):
            self._styles.append(ClassStyle(name, pick_color(number)))
        return number

    def _place(self, marks: Sequence[Mark], size: tuple[float, float] | None) -> list[Mark]:
        """Marks whose pixels count in a picture of `size`, as pixels of the frame that is shown."""
        if size is None:
            return list(marks)
        # Some look at a frame as it is stored, others as it is shown; its shape tells.
        is_coded = size[0] * self._coded_size[1] == size[1] * self._coded_size[0]
        width, height = self._coded_size if is_coded else self._shown_size
        scaled = [_scale_mark(mark, width / size[0], height / size[1]) for mark in marks]
        return [_turn_mark(mark, self._rotation, self._coded_size) for mark in scaled] if is_coded else scaled


def _scale_mark(mark: Mark, x: float, y: float) -> Mark:
    if len(mark) == 2 or (x == 1 and y == 1):
        return mark
    number, confidence, left, top, width, height, *extra = mark
    scaled: Mark = [number, confidence, left * x, top * y, width * x, height * y]
    return scaled + [_move_points(part, lambda a, b: (a * x, b * y)) for part in extra]


def _turn_mark(mark: Mark, rotation: int, size: Size) -> Mark:
    """A mark on a stored frame of `size`, where the frame is shown turned by `rotation` degrees, counterclockwise."""
    if len(mark) == 2 or not rotation:
        return mark
    width, height = size
    turns: dict[int, Move] = {
        90: lambda x, y: (y, width - x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (height - y, x),
    }
    turn = turns[rotation % 360]
    number, confidence, x, y, mark_width, mark_height, *extra = mark
    sides = (mark_height, mark_width) if abs(rotation) == 90 else (mark_width, mark_height)
    return [number, confidence, *turn(x, y), *sides, *(_move_points(part, turn) for part in extra)]


def _move_points(extra: dict[str, Any], move: Move) -> dict[str, Any]:
    """What goes with a mark, every point of it moved; a gaze's angles stay."""
    moved = dict(extra)
    for name in ("polygon", "landmarks"):
        if name in extra:
            points = zip(extra[name][::2], extra[name][1::2], strict=False)
            moved[name] = [value for point in points for value in move(*point)]
    if "keypoints" in extra:
        moved["keypoints"] = [[*move(x, y), *rest] for x, y, *rest in extra["keypoints"]]
    return moved
