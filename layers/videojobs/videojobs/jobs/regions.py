"""Regions: named polygons and directed lines in the frame, from the option `regions`.

    [{"name": "dock", "polygon": [[0.1, 0.5], [0.6, 0.5], [0.6, 1], [0.1, 1]], "classes": ["truck"]},
     {"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]], "anchor": "center"}]

Points are x and y in shares of the frame: [0, 0] is its upper left corner and [1, 1] its lower right one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Literal, Self, get_args

from videojobs.errors import InvalidOption
from videojobs.foreign_text import printable

Anchor = Literal["center", "bottom-center"]
"""The point of a box that is inside a region or crosses a line. People and cars stand at the bottom of their boxes."""

Direction = Literal["in", "out"]
"""Seen from a line's first point to its second, `in` is from the left to the right. In a frame, whose y axis points
down, an object that moves down crosses a line from left to right `in`.
"""

type Point = tuple[float, float]

DEFAULT_ANCHOR: Anchor = "bottom-center"
REGIONS_MAX, POINTS_MAX, NAME_MAX_CHARACTERS = 20, 100, 60

_FIELDS = ("name", "polygon", "line", "classes", "anchor")
_AREA_MIN = 1e-6
"""A polygon with a smaller area, in shares of the frame, is not visible: its points are on one line."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """A polygon, or a directed line from its first to its second point.

    Attributes:
        points: At least three for a polygon, two for a line.
        classes: The classes that count; empty for all.
    """

    name: str
    points: tuple[Point, ...]
    is_line: bool
    classes: tuple[str, ...] = ()
    anchor: Anchor = DEFAULT_ANCHOR

    @classmethod
    def parse(cls, data: Any, place: str) -> Self:
        """Reads one entry of the option. Raises InvalidOption, which begins with `place`."""
        if not isinstance(data, Mapping):
            raise InvalidOption(f"{place}: it is not an object with a name and a polygon or a line.")
        if unknown := sorted(data.keys() - set(_FIELDS)):
            raise InvalidOption(f"{place}: there is no field {unknown[0]!r}; the fields are {', '.join(_FIELDS)}.")
        name = read_name(data.get("name"), place)
        place = f"regions: {name!r}"
        if ("polygon" in data) == ("line" in data):
            raise InvalidOption(f"{place}: it needs either a polygon or a line.")
        anchor = data.get("anchor", DEFAULT_ANCHOR)
        if anchor not in get_args(Anchor):
            raise InvalidOption(f"{place}: anchor: {anchor!r} is not one of {', '.join(get_args(Anchor))}.")
        is_line = "line" in data
        points = _read_points(data["line" if is_line else "polygon"], place)
        _check_line(points, place) if is_line else _check_polygon(points, place)
        classes = read_classes(data.get("classes", []), f"{place}: classes")
        return cls(name=name, points=points, is_line=is_line, classes=classes, anchor=anchor)

    def to_dict(self) -> dict[str, Any]:
        """Returns the entry, as `parse` reads it."""
        entry: dict[str, Any] = {"name": self.name, "line" if self.is_line else "polygon": list(map(list, self.points))}
        if self.classes:
            entry["classes"] = list(self.classes)
        if self.anchor != DEFAULT_ANCHOR:
            entry["anchor"] = self.anchor
        return entry

    def counts(self, class_name: str | None) -> bool:
        """Returns whether predictions of a class count here."""
        return not self.classes or class_name in self.classes


def parse_regions(value: Any) -> tuple[Region, ...]:
    """Reads the option `regions`. Raises InvalidOption, which names the region and the point."""
    if not isinstance(value, list):
        raise InvalidOption("regions: a list of polygons and lines is needed.")
    if len(value) > REGIONS_MAX:
        raise InvalidOption(f"regions: there are {len(value)}, and at most {REGIONS_MAX} are possible.")
    regions = tuple(Region.parse(entry, f"regions: entry {number}") for number, entry in enumerate(value, start=1))
    names = [region.name for region in regions]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(f"regions: {name!r}: two regions have this name.")
    return regions


def read_classes(value: Any, place: str) -> tuple[str, ...]:
    """Reads a list of class names. Raises InvalidOption, which begins with `place`."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise InvalidOption(f"{place}: a list of class names is needed.")
    return tuple(dict.fromkeys(value))


def read_name(name: Any, place: str) -> str:
    """Reads the name of a region or of a condition. Raises InvalidOption, which begins with `place`."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidOption(f"{place}: it has no name.")
    if len(name) > NAME_MAX_CHARACTERS or printable(name) != name or name != name.strip():
        words = f"a name has 1 to {NAME_MAX_CHARACTERS} printable characters, and no space at its ends"
        raise InvalidOption(f"{place}: name: {words}.")
    return name


def _read_points(value: Any, place: str) -> tuple[Point, ...]:
    if not isinstance(value, list) or len(value) > POINTS_MAX:
        raise InvalidOption(f"{place}: a list of at most {POINTS_MAX} points [x, y] is needed.")
    points: list[Point] = []
    for number, point in enumerate(value, start=1):
        if not (isinstance(point, list) and len(point) == 2 and all(type(share) in (int, float) for share in point)):
            raise InvalidOption(f"{place}: point {number}: two numbers [x, y] are needed.")
        if not all(0 <= share <= 1 for share in point):
            words = "is not inside the frame. Points are shares of its width and height, from 0 to 1"
            raise InvalidOption(f"{place}: point {number}: {point} {words}.")
        points.append((point[0], point[1]))
    return tuple(points)


def _check_line(points: Sequence[Point], place: str) -> None:
    if len(points) != 2 or points[0] == points[1]:
        raise InvalidOption(f"{place}: a line has two different points.")


def _check_polygon(points: Sequence[Point], place: str) -> None:
    if len(points) < 3:
        raise InvalidOption(f"{place}: a polygon has at least three points, and this one has {len(points)}.")
    sides = list(pairwise((*points, points[0])))
    for number, (start, end) in enumerate(sides, start=1):
        if start == end:
            following = number % len(points) + 1
            raise InvalidOption(f"{place}: points {number} and {following} are the same.")
    for (first, side), (second, other) in combinations(enumerate(sides, start=1), 2):
        is_next = second - first == 1 or (first == 1 and second == len(sides))
        if not is_next and _cross(side, other):
            raise InvalidOption(f"{place}: the sides after point {first} and after point {second} cross.")
    if abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides)) / 2 < _AREA_MIN:
        raise InvalidOption(f"{place}: its points are on one line.")


def _cross(side: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Returns whether two sides of a polygon that are not neighbors cross or touch."""
    (a, b), (c, d) = side, other
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    return any(
        turn == 0 and _is_between(start, end, point)
        for turn, start, end, point in zip(turns, (a, a, c, c), (b, b, d, d), (c, d, a, b), strict=True)
    )


def _turn(start: Point, end: Point, point: Point) -> float:
    """Returns on which side of the line from `start` to `end` a point is: positive, negative, or 0 on it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _is_between(start: Point, end: Point, point: Point) -> bool:
    return all(min(a, b) <= p <= max(a, b) for a, b, p in zip(start, end, point, strict=True))
