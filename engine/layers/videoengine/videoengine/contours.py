"""The outline of a mask: border following after Suzuki and Abe (1985), through the centers of pixels."""

import numpy as np
from numpy.typing import NDArray

# x, y steps to the eight neighbors, clockwise on a screen, where y grows downwards.
_STEPS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
_LEFT = 4

Point = tuple[int, int]


def trace_largest_contour(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The outer border of the largest connected part of a mask.

    Args:
        mask: (height, width). Pixels that touch only at a corner are connected too.

    Returns:
        (N, 2) x and y of the border pixels where the border turns, clockwise; (0, 2) if the mask is empty.
    """
    # With a margin, following a border needs no checks at the mask's edges.
    padded = np.pad(mask, 1)
    cells: list[list[bool]] = padded.tolist()
    seen: set[Point] = set()
    best, best_size = np.empty((0, 2), dtype=np.intp), -1.0
    rows, columns = np.nonzero(padded[:, 1:] & ~padded[:, :-1])
    for x, y in zip((columns + 1).tolist(), rows.tolist(), strict=True):
        # Every pixel without a left neighbor belongs to exactly one border, of a part or of a hole. Follow each once.
        if (x, y) in seen:
            continue
        border = np.array(_follow_border(cells, (x, y), seen), dtype=np.intp)
        if (size := _enclosed_area(border)) > best_size:
            best, best_size = border, size
    return _keep_turns(best) - 1


def _follow_border(cells: list[list[bool]], start: Point, seen: set[Point]) -> list[Point]:
    """All pixels of the border that passes to the left of `start`.

    Adds the pixels that the border passes on their left to `seen`.
    """
    border = [start]
    (x, y), direction = start, _LEFT
    first_move = None
    while True:
        for turn in range(1, 9):
            candidate = (direction + turn) % 8
            step_x, step_y = _STEPS[candidate]
            if cells[y + step_y][x + step_x]:
                break
            if candidate == _LEFT:
                seen.add((x, y))
        else:
            seen.add(start)
            return border
        if first_move is None:
            first_move = candidate
            seen.add(start)
        elif (x, y) == start and candidate == first_move:
            return border[:-1]
        x, y = x + step_x, y + step_y
        border.append((x, y))
        # Continue the search behind the last step, one neighbor further.
        direction = (candidate + 4) % 8


def _enclosed_area(border: NDArray[np.intp]) -> float:
    """The enclosed area in pixels; negative for borders of holes, which run counterclockwise."""
    x, y = border[:, 0], border[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _keep_turns(border: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(border) < 2:
        return border
    arriving = border - np.roll(border, 1, axis=0)
    leaving = np.roll(border, -1, axis=0) - border
    turns: NDArray[np.intp] = border[(arriving != leaving).any(axis=1)]
    return turns
