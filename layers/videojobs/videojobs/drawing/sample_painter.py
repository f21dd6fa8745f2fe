"""Draws a sampled frame's predictions as a transparent overlay for a frame as players show it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import msgspec
from av.video.frame import VideoFrame
from PIL import Image

from videojobs.drawing.look import pick_color
from videojobs.drawing.overlays import ClassStyle, draw_overlay
from videojobs.drawing.region_shapes import RegionShape
from videojobs.results.marks import Keypoint, Mark, list_marks
from videojobs.results.region_counts import RegionCounts
from videojobs.results.samples import Sample

type Size = tuple[int, int]
type Move = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class FrameShape:
    """How a frame is stored and how players show it.

    Attributes:
        coded_size: Width and height of the stored frame.
        rotation: Degrees, counterclockwise, by which players rotate it: 0, ±90 or ±180.
    """

    coded_size: Size
    rotation: int

    @classmethod
    def read(cls, frame: VideoFrame) -> Self:
        """Reads the shape of a decoded frame. A rotation that is not by right angles is ignored."""
        return cls((frame.width, frame.height), 0 if frame.rotation % 90 else frame.rotation)

    @property
    def is_sideways(self) -> bool:
        return abs(self.rotation) == 90

    @property
    def shown_size(self) -> Size:
        """Width and height of the frame that players show."""
        width, height = self.coded_size
        return (height, width) if self.is_sideways else (width, height)


class ClassStyles:
    """The styles of the classes of some models, which are numbered in the order in which they are first seen."""

    def __init__(self) -> None:
        self.styles: list[ClassStyle] = []
        self._numbers: dict[int, dict[str, int]] = {}

    def list_marks(self, sample: Sample) -> Iterator[Sequence[Mark]]:
        """Yields the marks of each model. `styles` has their class numbers."""
        models = len(sample.elements)
        for model, element in enumerate(sample.elements):
            number_class = partial(self._number_class, model, models)
            yield list_marks(element.predictions, number_class, element.track_ids)[0]

    def _number_class(self, model: int, models: int, name: str) -> int:
        numbers = self._numbers.setdefault(model, {})
        if name not in numbers:
            self.styles.append(ClassStyle(name, pick_color(len(numbers), model, models)))
            numbers[name] = len(self.styles) - 1
        return numbers[name]


class SamplePainter:
    """Draws the samples of one video. A class keeps its color.

    Args:
        counts: The regions to draw with each sample, and their counts.
        classes: The classes seen so far.
    """

    def __init__(
        self, shape: FrameShape, counts: RegionCounts | None = None, classes: ClassStyles | None = None
    ) -> None:
        self.shape = shape
        self.classes = classes or ClassStyles()
        self._counts = counts

    def draw(self, sample: Sample | None) -> Image.Image:
        """Returns the overlay (RGBA, in the shown size); without a sample it is transparent."""
        marks: list[Mark] = []
        if sample:
            for element, found in zip(sample.elements, self.classes.list_marks(sample), strict=True):
                marks += self._place(found, element.size)
        regions = list(self._list_regions(self._counts, sample)) if self._counts and sample else []
        return draw_overlay(self.shape.shown_size, marks, self.classes.styles, regions)

    def _list_regions(self, counts: RegionCounts, sample: Sample) -> Iterator[RegionShape]:
        """Yields the regions in pixels of the frame that players show. Their points are shares of what models get."""
        size = next((element.size for element in sample.elements if element.size), None)
        is_coded = size is not None and self._is_coded(size)
        move = _find_move(self.shape) if is_coded else _stay
        for region in counts.regions:
            shape = RegionShape.place(
                region,
                self.shape.coded_size if is_coded else self.shape.shown_size,
                counts.describe(region, sample.frame_offset),
            )
            yield replace(shape, points=[move(*point) for point in shape.points])

    def _place(self, marks: Sequence[Mark], size: Size | None) -> Sequence[Mark]:
        """Converts marks in pixels of a picture of `size` to pixels of the frame that players show."""
        if size is None:
            return marks
        is_coded = self._is_coded(size)
        width, height = self.shape.coded_size if is_coded else self.shape.shown_size
        scaled = [_scale_mark(mark, width / size[0], height / size[1]) for mark in marks]
        return [_turn_mark(mark, self.shape) for mark in scaled] if is_coded else scaled

    def _is_coded(self, size: Size) -> bool:
        """Returns whether a picture is the stored frame. If its sides don't tell, it is the shown frame.

        The engine gives its models the shown frame. Others may give them the stored one.
        """
        (coded_width, coded_height), (width, height) = self.shape.coded_size, self.shape.shown_size
        return width * coded_height != height * coded_width and size[0] * coded_height == size[1] * coded_width


def _scale_mark(mark: Mark, x: float, y: float) -> Mark:
    if x == 1 and y == 1:
        return mark
    return _move_mark(mark, lambda a, b: (a * x, b * y), lambda width, height: (width * x, height * y))


def _turn_mark(mark: Mark, shape: FrameShape) -> Mark:
    """Converts a mark on the stored frame to one on the frame that players show."""
    if not shape.rotation:
        return mark
    swap: Move = (
        (lambda width, height: (height, width)) if shape.is_sideways else (lambda width, height: (width, height))
    )
    return _move_mark(mark, _find_move(shape), swap)


def _find_move(shape: FrameShape) -> Move:
    """Returns the function from a point of the stored frame to that of the frame that players show."""
    width, height = shape.coded_size
    turns: dict[int, Move] = {
        0: _stay,
        90: lambda x, y: (y, width - x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (height - y, x),
    }
    return turns[shape.rotation % 360]


def _stay(x: float, y: float) -> tuple[float, float]:
    return x, y


def _move_mark(mark: Mark, move: Move, resize: Move) -> Mark:
    """Returns a mark with all points moved and its sides resized. The angles of a gaze stay the same."""
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
