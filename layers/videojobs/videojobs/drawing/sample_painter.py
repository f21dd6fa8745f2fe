"""What was found in a sampled frame, as a transparent picture to lay over a frame as players show it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import msgspec
from av.video.frame import VideoFrame
from PIL import Image

from videojobs.drawing.overlays import ClassStyle, draw_overlay, pick_color
from videojobs.results.marks import Keypoint, Mark, list_marks
from videojobs.results.samples import Sample

type Size = tuple[int, int]
type Move = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class FrameShape:
    """How a frame is stored and how players show it.

    Attributes:
        coded_size: Width and height as it is stored.
        rotation: Degrees, counterclockwise, by which players turn it: 0, ±90 or ±180.
    """

    coded_size: Size
    rotation: int

    @classmethod
    def read(cls, frame: VideoFrame) -> Self:
        """The shape of a decoded frame. One that isn't turned by right angles is shown as it is stored."""
        return cls((frame.width, frame.height), 0 if frame.rotation % 90 else frame.rotation)

    @property
    def is_sideways(self) -> bool:
        return abs(self.rotation) == 90

    @property
    def shown_size(self) -> Size:
        """Width and height as players show it."""
        width, height = self.coded_size
        return (height, width) if self.is_sideways else (width, height)

    def enlarge(self, scale: int) -> "FrameShape":
        """The shape of the frame, enlarged."""
        width, height = self.coded_size
        return FrameShape((width * scale, height * scale), self.rotation)


class SamplePainter:
    """Draws the samples of one video. A class keeps its color from sample to sample."""

    def __init__(self, shape: FrameShape) -> None:
        self.shape = shape
        self._numbers: dict[tuple[str, str], int] = {}
        self._styles: list[ClassStyle] = []

    def draw(self, sample: Sample | None) -> Image.Image:
        """The overlay (RGBA, of the shown size), transparent where nothing was found."""
        marks: list[Mark] = []
        for element in sample.elements if sample else ():
            [found] = list_marks(element.predictions, partial(self._number_class, element.model_id))
            marks += self._place(found, element.size)
        return draw_overlay(self.shape.shown_size, marks, self._styles)

    def _number_class(self, model_id: str, name: str) -> int:
        number = self._numbers.setdefault((model_id, name), len(self._numbers))
        if number == len(self._styles):
            self._styles.append(ClassStyle(name, pick_color(number)))
        return number

    def _place(self, marks: Sequence[Mark], size: Size | None) -> Sequence[Mark]:
        """Marks whose pixels refer to a picture of `size`, in pixels of the frame that is shown."""
        if size is None:
            return marks
        # Some models get a frame as it is stored, others as it is shown; its shape tells which.
        coded_size = self.shape.coded_size
        is_coded = size[0] * coded_size[1] == size[1] * coded_size[0]
        width, height = coded_size if is_coded else self.shape.shown_size
        scaled = [_scale_mark(mark, width / size[0], height / size[1]) for mark in marks]
        return [_turn_mark(mark, self.shape) for mark in scaled] if is_coded else scaled


def _scale_mark(mark: Mark, x: float, y: float) -> Mark:
    if x == 1 and y == 1:
        return mark
    return _move_mark(mark, lambda a, b: (a * x, b * y), lambda width, height: (width * x, height * y))


def _turn_mark(mark: Mark, shape: FrameShape) -> Mark:
    """A mark on the stored frame, as it is on the frame that is shown."""
    if not shape.rotation:
        return mark
    width, height = shape.coded_size
    turns: dict[int, Move] = {
        90: lambda x, y: (y, width - x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (height - y, x),
    }
    swap: Move = (
        (lambda width, height: (height, width)) if shape.is_sideways else (lambda width, height: (width, height))
    )
    return _move_mark(mark, turns[shape.rotation % 360], swap)


def _move_mark(mark: Mark, move: Move, resize: Move) -> Mark:
    """A mark with each of its points moved and its sides resized; the angles of a gaze stay."""
    if mark.box is None:
        return mark
    x, y, width, height = mark.box
    return msgspec.structs.replace(
        mark,
        box=(*move(x, y), *resize(width, height)),
        polygon=_move_points(mark.polygon, move),
        landmarks=_move_points(mark.landmarks, move),
        keypoints=[Keypoint(*move(x, y), confidence, name) for x, y, confidence, name in mark.keypoints],
    )


def _move_points(points: Sequence[float], move: Move) -> Sequence[float]:
    return [value for x, y in zip(points[::2], points[1::2], strict=True) for value in move(x, y)]
