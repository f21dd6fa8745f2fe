"""Borders of regions in a picture: on which side a point is, how far away, and where a straight path changes sides.

Coordinates are pixels. Objects vanish at the edge of the picture. So a side of a polygon that lies on this edge is not
a border: nothing crosses it, and objects are never near it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import hypot, inf, sqrt

from videojobs.jobs.regions import Point, Region

EDGE_SHARE = 0.01
"""A point of a polygon that is this near to the edge of the frame counts as on it: people can't draw exactly there."""

EDGE_PIXELS = 0.01
"""How far inside the picture a point is that is on its edge or outside."""

_DEPTHS = (1, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 3 / 8, 5 / 8, 7 / 8)
"""Where on a part of a path its distance from a border is measured."""

_INNER = 0.618
"""Where on a part of a path it is tested whether it is inside. Its ends and its middle may be on a border."""

_AREA_MIN = 1e-6


type Segment = tuple[float, float, float, float]
"""x and y of its ends."""


type Rectangle = tuple[float, float, float, float]
"""Left, right, top, bottom."""


@dataclass(frozen=True, slots=True)
class PathPart:
    """A part of a straight path that is on one side of a border.

    Attributes:
        start, end: Where it begins and ends, as shares of the path.
        is_inside: Whether it is inside the polygon, or on the right of the line.
        is_entered: Whether it begins where the path crosses the border: the polygon's, or the line between its points.
    """

    start: float
    end: float
    is_inside: bool
    is_entered: bool


class Border(ABC):
    """The border of a region in a picture.

    Args:
        sides: The segments that paths cross.
    """

    def __init__(self, sides: Sequence[Segment]) -> None:
        self._walls = [
            (min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2), (x1, y1, x2, y2)) for x1, y1, x2, y2 in sides
        ]

    @abstractmethod
    def has_inside(self, x: float, y: float) -> bool:
        """Returns whether a point is inside a polygon, or on the right of a line, seen from its first point."""

    @abstractmethod
    def measure(self, x: float, y: float) -> float:
        """Returns a point's distance from the border; for a line, also beyond its ends."""

    def find_free(self, x: float, y: float) -> Rectangle:
        """Returns a rectangle around a point, as large as is easily found, in which no path crosses the border."""
        left, right, top, bottom = -inf, inf, -inf, inf
        for x1, x2, y1, y2, side in self._walls:
            ways = x1 - x, x - x2, y1 - y, y - y2
            furthest = max(ways)
            if furthest < 1:  # beside a slanted side, or so near to a straight one that rounding may matter
                half = measure_to_segment(x, y, side) / sqrt(2)
                left, right, top, bottom = (
                    max(left, x - half),
                    min(right, x + half),
                    max(top, y - half),
                    min(bottom, y + half),
                )
            elif ways[0] == furthest:
                right = min(right, x1)
            elif ways[1] == furthest:
                left = max(left, x2)
            elif ways[2] == furthest:
                bottom = min(bottom, y1)
            else:
                top = max(top, y2)
        return left, right, top, bottom

    @abstractmethod
    def split(self, start: Point, end: Point) -> Sequence[PathPart]:
        """Returns the parts of a straight path, in order; at least one."""

    def reaches(self, distance: float, start: Point, end: Point, part: PathPart) -> bool:
        """Returns whether a part of a straight path gets this far from the border."""
        (x1, y1), (x2, y2) = start, end
        length = part.end - part.start
        shares = (part.start + length * depth for depth in _DEPTHS)
        return any(self.measure(x1 + share * (x2 - x1), y1 + share * (y2 - y1)) >= distance for share in shares)


_OUTSIDE = (PathPart(0.0, 1.0, False, False),)


class PolygonBorder(Border):
    """The border of a polygon.

    Args:
        points: In shares of the frame.
        size: The picture's width and height.
    """

    def __init__(self, points: Sequence[Point], size: tuple[int, int]) -> None:
        width, height = size
        points = snap_to_edges(points)
        sides = list(pairwise((*points, points[0])))
        self._sides = [(x1 * width, y1 * height, x2 * width, y2 * height) for (x1, y1), (x2, y2) in sides]
        self._borders = [side for side, (a, b) in zip(self._sides, sides, strict=True) if not _is_on_edge(a, b)]
        xs, ys = [side[0] for side in self._sides], [side[1] for side in self._sides]
        self._bounds = min(xs), max(xs), min(ys), max(ys)
        super().__init__(self._borders)
        self._vectors = [
            (x1, y1, x2 - x1, y2 - y1, (x2 - x1) ** 2 + (y2 - y1) ** 2) for x1, y1, x2, y2 in self._borders
        ]

    def has_inside(self, x: float, y: float) -> bool:
        inside = False
        for x1, y1, x2, y2 in self._sides:
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
        return inside

    def measure(self, x: float, y: float) -> float:
        # `measure_to_segment` for each side, written out because most of the time is spent here.
        least = inf
        for x1, y1, dx, dy, length in self._vectors:
            px, py = x - x1, y - y1
            dot = px * dx + py * dy
            if dot > 0:
                share = dot / length if dot < length else 1.0
                px -= share * dx
                py -= share * dy
            distance = px * px + py * py
            if distance < least:
                least = distance
        return sqrt(least)

    def split(self, start: Point, end: Point) -> Sequence[PathPart]:
        left, right, top, bottom = self._bounds
        (x1, y1), (x2, y2) = start, end
        if (
            (x1 < left and x2 < left)
            or (x1 > right and x2 > right)
            or (y1 < top and y2 < top)
            or (y1 > bottom and y2 > bottom)
        ):
            return _OUTSIDE
        shares = sorted({share for side in self._borders if (share := find_crossing(start, end, side)) is not None})
        parts: list[PathPart] = []
        for begin, finish in pairwise((0.0, *shares, 1.0)):
            share = begin + _INNER * (finish - begin)
            is_inside = self.has_inside(x1 + share * (x2 - x1), y1 + share * (y2 - y1))
            if parts and parts[-1].is_inside == is_inside:  # it touches a corner
                parts[-1] = replace(parts[-1], end=finish)
            else:
                parts.append(PathPart(begin, finish, is_inside, bool(parts)))
        return parts


class LineBorder(Border):
    """A directed line: its right side counts as inside.

    Args:
        points: Its two points, in shares of the frame.
        size: The picture's width and height.
    """

    def __init__(self, points: Sequence[Point], size: tuple[int, int]) -> None:
        width, height = size
        (x1, y1), (x2, y2) = points
        self._segment = (x1 * width, y1 * height, x2 * width, y2 * height)
        super().__init__([self._segment])
        self._length = hypot((x2 - x1) * width, (y2 - y1) * height)

    def has_inside(self, x: float, y: float) -> bool:
        return self._find_side(x, y) >= 0

    def measure(self, x: float, y: float) -> float:
        return abs(self._find_side(x, y))

    def split(self, start: Point, end: Point) -> Sequence[PathPart]:
        before, after = self._find_side(*start), self._find_side(*end)
        if (before >= 0) == (after >= 0):
            return [PathPart(0.0, 1.0, after >= 0, False)]
        share = before / (before - after)
        is_crossed = find_crossing(start, end, self._segment) is not None
        return [PathPart(0.0, share, before >= 0, False), PathPart(share, 1.0, after >= 0, is_crossed)]

    def _find_side(self, x: float, y: float) -> float:
        """Returns the distance from the line in pixels: positive on its right, where y points down."""
        x1, y1, x2, y2 = self._segment
        return ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / self._length


def make_border(region: Region, size: tuple[int, int]) -> Border:
    """Returns a region's border in a picture of a width and height in pixels."""
    return (LineBorder if region.is_line else PolygonBorder)(region.points, size)


def find_crossing(start: Point, end: Point, segment: Segment) -> float | None:
    """Returns where a straight path crosses a segment, as a share of the path, or None.

    A path through the common end of two segments crosses one of them, or both or neither if it stays on one side.
    """
    (px, py), (qx, qy) = start, end
    x1, y1, x2, y2 = segment
    dx, dy, sx, sy = qx - px, qy - py, x2 - x1, y2 - y1
    if (dx * (y1 - py) - dy * (x1 - px) >= 0) == (dx * (y2 - py) - dy * (x2 - px) >= 0):
        return None
    before, after = sx * (py - y1) - sy * (px - x1), sx * (qy - y1) - sy * (qx - x1)
    if (before >= 0) == (after >= 0):
        return None
    return before / (before - after)


def measure_to_segment(x: float, y: float, segment: Segment) -> float:
    """Returns the distance of a point from a segment."""
    x1, y1, x2, y2 = segment
    dx, dy = x2 - x1, y2 - y1
    length = dx * dx + dy * dy
    share = ((x - x1) * dx + (y - y1) * dy) / length if length else 0.0
    share = 0.0 if share < 0 else min(share, 1.0)
    dx, dy = x1 + share * dx - x, y1 + share * dy - y
    return sqrt(dx * dx + dy * dy)


def snap_to_edges(points: Sequence[Point]) -> Sequence[Point]:
    """Moves the points of a polygon that are almost at the edge of the frame onto it, unless nothing would remain."""
    snapped = [(_snap(x), _snap(y)) for x, y in points]
    return points if _measure_area(snapped) < _AREA_MIN else snapped


def _snap(share: float) -> float:
    return 0.0 if share <= EDGE_SHARE else 1.0 if share >= 1 - EDGE_SHARE else share


def _measure_area(points: Sequence[Point]) -> float:
    """The shoelace formula."""
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise((*points, points[0])))) / 2


def _is_on_edge(start: Point, end: Point) -> bool:
    (x1, y1), (x2, y2) = start, end
    return (x1 == x2 and x1 in (0, 1)) or (y1 == y2 and y1 in (0, 1))
