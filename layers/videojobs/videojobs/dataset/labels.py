"""Labels: predictions on the picture of a frame, the same for every format."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from videojobs.dataset.orientation import FrameTurn, Point, Size
from videojobs.outputs.coco_parts import Categories, Keypoint, flatten, list_keypoints, outline
from videojobs.results.samples import Sample, SampleElement

type Move = Callable[[Point], Point]
"""From a point of the picture that a model got to the point of the written picture."""

type Corners = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

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


def _list_rows(element: SampleElement) -> Sequence[Sequence[Any]]:
    predictions = element.predictions
    track_ids = [None] * len(predictions) if element.track_ids is None else element.track_ids
    columns = [predictions.columns[name] for name in _COLUMNS]
    return list(zip(predictions.confidences, track_ids, *columns, strict=True))


def _read_label(row: Sequence[Any], size: Size, move: Move, *, model_id: str, categories: Categories) -> Label | str:
    """Returns a label, or why there is none."""
    confidence, track_id, name, class_id, x, y, width, height, points, keypoints = row
    if name is None:
        return "predictions without a class"
    values = x, y, width, height
    if values == (None, None, None, None):
        number = categories.find(model_id, name, class_id).number
        return Label(number, confidence, track_id, None, [], None)
    if None in values:
        return "predictions with an incomplete box"
    box = _cut(move((x - width / 2, y - height / 2)), move((x + width / 2, y + height / 2)), size)
    if box[0] >= box[2] or box[1] >= box[3]:
        return "predictions outside the picture"
    category = categories.find(model_id, name, class_id)
    polygon = None if points is None else _place_polygon(flatten(points), size, move)
    if polygon == []:
        polygon = outline(box[0], box[1], box[2] - box[0], box[3] - box[1])
    seen = None if keypoints is None else _place_keypoints(list_keypoints(keypoints, category), size, move)
    return Label(category.number, confidence, track_id, box, polygon or [], seen)


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


def _cut(one: Point, other: Point, size: Size) -> Corners:
    """Returns the part of a box, given by opposite corners, that is on a picture of `size`; maybe it has no area."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other, strict=True))
    return max(0.0, left), max(0.0, top), min(float(size[0]), right), min(float(size[1]), bottom)


def _place_polygon(points: Sequence[float], size: Size, move: Move) -> list[float]:
    moved = [move(point) for point in zip(points[::2], points[1::2], strict=True)]
    return [min(max(0.0, value), float(side)) for point in moved for value, side in zip(point, size, strict=True)]


def _place_keypoints(keypoints: Sequence[Keypoint], size: Size, move: Move) -> list[Keypoint]:
    moved = [(number, *move((x, y))) for number, x, y in keypoints]
    return [(number, x, y) for number, x, y in moved if 0 <= x <= size[0] and 0 <= y <= size[1]]
