"""Labels: predictions on the picture of a frame, the same for every format."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from videojobs.dataset.clipping import clip_polygon
from videojobs.dataset.orientation import FrameTurn, Point, Size
from videojobs.outputs.coco_parts import Categories, Keypoint, flatten, list_keypoints, outline
from videojobs.results.samples import Sample, SampleElement

type Move = Callable[[Point], Point]
"""From a point of the picture that a model got to the point of the written picture."""

type Corners = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_SIDE_MIN_PIXELS = 0.01
"""The smallest side of a box. YOLO's and CVAT's files would round a smaller one to zero."""

_COLUMNS = ("class", "class_id", "x", "y", "width", "height", "points", "keypoints")


class Label(Struct, array_like=True, frozen=True, gc=False):
    """A prediction on a picture. Nothing of it is outside the picture.

    Attributes:
        category: The number of its category, from 1.
        confidence: From 0 to 1, or None.
        track_id: The number of its track among those of its model, or None.
        box: None for a label of the whole picture.
        polygon: The outline of a mask: x, y, x, y, …; the box's corners if the mask has no outline; empty for others.
        keypoints: Those that the model saw; None if the model gives none.
    """

    category: int
    confidence: float | None
    track_id: int | None
    box: Corners | None
    polygon: list[float]
    keypoints: list[Keypoint] | None

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0] if self.box else 0.0

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1] if self.box else 0.0


def read_labels(sample: Sample, turn: FrameTurn, categories: Categories, left_out: Counter[str]) -> list[Label]:
    """Returns the labels of a sample's picture, and counts in `left_out`, by reason, the predictions that are none.

    Args:
        sample: One whose elements are all readable.
        turn: That of the frame, of which a picture is made.
        categories: Gets the classes that are new.
    """
    labels = []
    for element in sample.elements:
        move = _find_move(element.size, turn)
        left_out["embeddings"] += element.is_embedding
        for row in _list_rows(element):
            label = _read_label(row, turn.shown_size, move, model_id=element.model_id, categories=categories)
            if isinstance(label, Label):
                labels.append(label)
            else:
                left_out[label] += 1
    return labels


def is_readable(element: SampleElement) -> bool:
    """Returns whether all predictions of a frame can be labels.

    Without one of them, the picture would teach that there is nothing: a type that is not documented may have outlines
    as `rle`, or boxes as corners.
    """
    if element.is_unread:
        return False
    columns = element.predictions.columns
    places = zip(*(columns[name] for name in ("x", "y", "width", "height")), strict=True)
    return None not in columns["class"] and all(
        None not in place or (element.is_classification and set(place) == {None}) for place in places
    )


def _list_rows(element: SampleElement) -> Sequence[Sequence[Any]]:
    predictions = element.predictions
    track_ids = [None] * len(predictions) if element.track_ids is None else element.track_ids
    columns = [predictions.columns[name] for name in _COLUMNS]
    return list(zip(predictions.confidences, track_ids, *columns, strict=True))


def _read_label(row: Sequence[Any], size: Size, move: Move, *, model_id: str, categories: Categories) -> Label | str:
    """Returns a label, or why there is none."""
    confidence, track_id, name, class_id, x, y, width, height, points, keypoints = row
    if x is None:
        number = categories.find(model_id, name, class_id).number
        return Label(number, confidence, track_id, None, [], None)
    whole = _sort(move((x - width / 2, y - height / 2)), move((x + width / 2, y + height / 2)))
    if _measure_side(whole) < _SIDE_MIN_PIXELS:
        return "predictions whose box has no area"
    box = _cut(whole, size)
    flat = [] if points is None else flatten(points)
    polygon = clip_polygon([move(point) for point in zip(flat[::2], flat[1::2], strict=True)], size)
    if _measure_side(box) < _SIDE_MIN_PIXELS or (flat and not polygon):
        return "predictions outside the picture"
    category = categories.find(model_id, name, class_id)
    if points is not None and not polygon:
        polygon = outline(box[0], box[1], box[2] - box[0], box[3] - box[1])
    seen = None if keypoints is None else _place_keypoints(list_keypoints(keypoints, category), size, move)
    return Label(category.number, confidence, track_id, box, polygon, seen)


def _find_move(size: Size | None, turn: FrameTurn) -> Move:
    """Returns the move from a picture of `size`, which a model got, to the shown frame.

    Most models get the shown frame; others get the stored one, which has other sides if it is rotated, or smaller ones.
    """
    if size is None or size == turn.shown_size:
        return lambda point: point
    stored_width, stored_height = turn.stored_size
    is_stored = (
        turn.is_transposed and stored_width != stored_height and size[0] * stored_height == size[1] * stored_width
    )
    width, height = turn.stored_size if is_stored else turn.shown_size
    scale_x, scale_y = width / size[0], height / size[1]
    if is_stored:
        return lambda point: turn.turn_point((point[0] * scale_x, point[1] * scale_y))
    return lambda point: (point[0] * scale_x, point[1] * scale_y)


def _sort(one: Point, other: Point) -> Corners:
    """Returns the box with these opposite corners."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other, strict=True))
    return left, top, right, bottom


def _measure_side(box: Corners) -> float:
    """Returns the length of the shorter side; it is negative for what is left of a box outside the picture."""
    left, top, right, bottom = box
    return min(right - left, bottom - top)


def _cut(box: Corners, size: Size) -> Corners:
    """Returns the part of a box that is on a picture of `size`; maybe it has no area."""
    left, top, right, bottom = box
    return max(0.0, left), max(0.0, top), min(float(size[0]), right), min(float(size[1]), bottom)


def _place_keypoints(keypoints: Sequence[Keypoint], size: Size, move: Move) -> list[Keypoint]:
    moved = [(number, *move((x, y))) for number, x, y in keypoints]
    return [(number, x, y) for number, x, y in moved if 0 <= x <= size[0] and 0 <= y <= size[1]]
