"""Cuts outlines off at the edge of the picture.

The algorithm is by I. E. Sutherland and G. W. Hodgman, "Reentrant polygon clipping", Communications of the ACM 17(1),
1974, https://doi.org/10.1145/360767.360802: the outline is cut at one side of the picture after the other. Of a concave
outline, parts may stay connected by lines along the edge, which have no area.
"""

from collections.abc import Iterator, Sequence
from math import isfinite

from videojobs.dataset.orientation import Point, Size


def clip_polygon(points: Sequence[Point], size: Size) -> list[float]:
    """Returns the part of an outline that is on a picture of `size`: x, y, x, y, …; empty if none is."""
    if not all(isfinite(value) for point in points for value in point):
        return []
    for axis, length in enumerate(size):
        points = list(_cut(points, axis, 0.0, 1))
        points = list(_cut(points, axis, float(length), -1))
    # A cut's other coordinate may be rounded beyond the edge.
    return [min(max(0.0, value), float(side)) for point in points for value, side in zip(point, size, strict=True)]


def _cut(points: Sequence[Point], axis: int, edge: float, sign: int) -> Iterator[Point]:
    """Yields the part of an outline that lies on one side of an edge: the greater coordinates if `sign` is 1."""
    for start, end in zip([*points[-1:], *points[:-1]], points, strict=True):
        is_start_in, is_end_in = sign * (start[axis] - edge) >= 0, sign * (end[axis] - edge) >= 0
        if is_start_in != is_end_in:
            # Halves, because the difference of two large numbers may be infinite.
            share = (edge / 2 - start[axis] / 2) / (end[axis] / 2 - start[axis] / 2)
            other = start[1 - axis] * (1 - share) + end[1 - axis] * share
            yield (edge, other) if axis == 0 else (other, edge)
        if is_end_in:
            yield end
