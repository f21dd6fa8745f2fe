"""The lines of regions on a picture: polygons, and directed lines with an arrow to their `in` side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from PIL import ImageDraw

from videojobs.drawing.look import LOOK
from videojobs.jobs.regions import Region

type Point = tuple[float, float]

_LINE, _AREA = (255, 255, 255, 255), (255, 255, 255, round(255 * LOOK.area_opacity))
_CASING = (16, 19, 26, round(255 * LOOK.casing_opacity))
"""White lines with a dark border are visible on any picture, and differ from the classes' colors."""


@dataclass(frozen=True)
class RegionShape:
    """A region on a picture.

    Attributes:
        points: In the picture's pixels: the corners of a polygon, or the two ends of a line.
        text: What is written beside it.
    """

    points: Sequence[Point]
    is_line: bool
    text: str

    @classmethod
    def place(cls, region: Region, size: tuple[int, int], text: str | None = None) -> Self:
        """Returns the shape of a region on a picture of `size`, with its name if there is no `text`."""
        width, height = size
        points = [(x * width, y * height) for x, y in region.points]
        return cls(points, region.is_line, region.name if text is None else text)


def find_arrow(start: Point, end: Point, length: float) -> tuple[Point, Point]:
    """Returns the tail and the tip of the arrow that shows which way across a line is `in`.

    `in` is from the left to the right, as seen from `start` to `end`. The y axis points down.
    """
    (x1, y1), (x2, y2) = start, end
    distance = math.hypot(x2 - x1, y2 - y1) or 1.0
    x, y = (y1 - y2) / distance, (x2 - x1) / distance
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    return (middle_x - x * length / 2, middle_y - y * length / 2), (middle_x + x * length, middle_y + y * length)


def fill_areas(draw: ImageDraw.ImageDraw, shapes: Sequence[RegionShape]) -> None:
    """Fills polygons faintly."""
    for shape in shapes:
        if not shape.is_line:
            draw.polygon(list(shape.points), fill=_AREA)


def draw_lines(draw: ImageDraw.ImageDraw, shapes: Sequence[RegionShape], arrow: float, line: int) -> None:
    """Draws the lines of regions.

    Args:
        arrow: The length of arrows, in pixels.
        line: The width of lines, in pixels.
    """
    for color, width in ((_CASING, round(LOOK.casing * line)), (_LINE, line)):
        for shape in shapes:
            _draw_line(draw, shape, arrow, color=color, width=width)


def _draw_line(
    draw: ImageDraw.ImageDraw, shape: RegionShape, arrow: float, *, color: tuple[int, int, int, int], width: int
) -> None:
    if not shape.is_line:
        # Two points of the first side once more, so that the last corner is joined too.
        draw.line([*shape.points, *shape.points[:2]], fill=color, width=width, joint="curve")
        return
    start, end = shape.points
    tail, tip = find_arrow(start, end, arrow)
    draw.line([start, end], fill=color, width=width)
    draw.line([tail, tip], fill=color, width=width)
    angle = math.atan2(tip[1] - tail[1], tip[0] - tail[0])
    for side in (-0.6, 0.6):
        barb = (tip[0] - arrow / 2 * math.cos(angle + side), tip[1] - arrow / 2 * math.sin(angle + side))
        draw.line([tip, barb], fill=color, width=width)
    for x, y in (start, end):
        draw.circle((x, y), width / 2, fill=color)
