"""Marks: drawable predictions, the same for the report and the annotated video, and for every inference type."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any, NamedTuple

from msgspec import Struct

from videojobs.foreign_text import printable
from videojobs.results.predictions import BOX_COLUMNS, Predictions, read_confidence

type ClassNumber = Callable[[str], int]
"""Returns the number of a class by its name."""

type Box = tuple[float, float, float, float]
"""x and y of the center, width, height; pixels."""

_PLAIN = ("class", *BOX_COLUMNS, "yaw", "pitch")
_LISTS = ("points", "keypoints", "landmarks")
_NUMBER_MAX = 1e9


class Keypoint(NamedTuple):
    """A key point, in pixels; its confidence is None if the results have none."""

    x: float
    y: float
    confidence: float | None
    name: str


class Mark(Struct, frozen=True, gc=False):
    """One prediction in drawable form.

    Attributes:
        class_number: The class's number, from `list_marks`'s `number_class`.
        confidence: From 0 to 1, or None if the results have no such value.
        box: None for a label of the whole frame.
        polygon: The outline of a mask: x, y, x, y, …; pixels.
        gaze: Yaw and pitch, in radians.
        landmarks: The points of the face of a gaze: x, y, x, y, …; pixels.
        track_id: The number of its track, or None.
    """

    class_number: int
    confidence: float | None
    box: Box | None = None
    polygon: Sequence[float] = ()
    keypoints: Sequence[Keypoint] = ()
    gaze: tuple[float, float] | None = None
    landmarks: Sequence[float] = ()
    track_id: int | None = None

    @property
    def certainty(self) -> float:
        """The confidence to sort and filter by. A prediction without one counts as certain: no threshold hides it."""
        return 1.0 if self.confidence is None else self.confidence

    @property
    def percent(self) -> int:
        """The certainty in whole percents, rounded down, from 0 to 100, as the report's slider counts."""
        return min(100, max(0, int(self.certainty * 100 + 1e-9)))

    def to_list(self) -> list[Any]:
        """Returns the mark as `report/page/marks.js` reads it: a list, so that hours of marks stay small as JSON.

        `[class, confidence]` for a label, `[class, confidence, x, y, width, height]` for a box, with a seventh entry
        for its details:

        - `{"polygon": [x, y, …]}`
        - `{"keypoints": [[x, y, confidence, name], …]}`
        - `{"gaze": [yaw, pitch], "landmarks": [x, y, …]}`

        A box with a track has its number as the eighth entry; the seventh is null if there are no details.
        A confidence may be null.
        """
        if self.box is None:
            return [self.class_number, self.confidence]
        details = self._compose_details()
        if self.track_id is not None:
            return [self.class_number, self.confidence, *self.box, details, self.track_id]
        plain = [self.class_number, self.confidence, *self.box]
        return plain if details is None else [*plain, details]

    def _compose_details(self) -> dict[str, Any] | None:
        if self.gaze is not None:
            return {"gaze": self.gaze, "landmarks": self.landmarks}
        if self.polygon:
            return {"polygon": self.polygon}
        return {"keypoints": self.keypoints} if self.keypoints else None


@dataclass(frozen=True, kw_only=True)
class MarkColumns:
    """The marks of some frames for the report.

    Attributes:
        counts: The number of marks of each frame.
        class_numbers, percents: Those of each mark.
        lists: Each mark as `Mark.to_list` returns it.
    """

    counts: Sequence[int]
    class_numbers: Sequence[int]
    percents: Sequence[int]
    lists: Sequence[Sequence[Any]]


class _NotDrawable(ValueError):
    """A prediction lacks a value that its mark needs, or has an invalid one."""


def list_marks(
    predictions: Predictions, number_class: ClassNumber, track_ids: Sequence[int | None] | None = None
) -> list[list[Mark]]:
    """Returns the marks of each frame, in the order of its predictions.

    A prediction that can't be drawn, because a coordinate is missing or invalid, is left out. `number_class` is called
    only for classes that are drawn. `track_ids` has one entry per prediction.
    """
    values = zip(*[predictions.columns[name] for name in (*_PLAIN, *_LISTS)], strict=True)
    rows = enumerate(zip(predictions.confidences, values, track_ids or repeat(None), strict=False))
    marks = (
        _try_mark(confidence, row, predictions.others.get(number), number_class, track_id=track_id)
        for number, (confidence, row, track_id) in rows
    )
    return [[mark for mark in islice(marks, count) if mark is not None] for count in predictions.counts]


def list_mark_columns(
    predictions: Predictions, number_class: ClassNumber, track_ids: Sequence[int | None] | None = None
) -> MarkColumns:
    """Returns the marks of `list_marks`, in a fraction of its time if all are boxes."""
    if _are_only_boxes(predictions):
        return _list_box_columns(predictions, number_class, track_ids)
    marks = list_marks(predictions, number_class, track_ids)
    every = list(chain.from_iterable(marks))
    return MarkColumns(
        counts=list(map(len, marks)),
        class_numbers=[mark.class_number for mark in every],
        percents=[mark.percent for mark in every],
        lists=[mark.to_list() for mark in every],
    )


def _are_only_boxes(predictions: Predictions) -> bool:
    """Returns whether all predictions are drawn, and as boxes without details."""
    extremes = predictions.box_extremes if predictions.are_plain_boxes else None
    return extremes is not None and all(abs(value) < _NUMBER_MAX for box in extremes for value in box)


def _list_box_columns(
    predictions: Predictions, number_class: ClassNumber, track_ids: Sequence[int | None] | None
) -> MarkColumns:
    names = predictions.columns["class"]
    numbers = {name: number_class(name) for name in dict.fromkeys(names)}
    class_numbers = list(map(numbers.__getitem__, names))
    confidences = _round_all(predictions.confidences, 4)
    plain = zip(
        class_numbers, confidences, *(_round_all(predictions.columns[name], 1) for name in BOX_COLUMNS), strict=True
    )
    lists: list[Sequence[Any]] = list(plain)
    if track_ids is not None:
        lists = [
            mark if track_id is None else (*mark, None, track_id)
            for mark, track_id in zip(lists, track_ids, strict=True)
        ]
    percents = [100 if confidence is None else int(confidence * 100 + 1e-9) for confidence in confidences]
    return MarkColumns(counts=predictions.counts, class_numbers=class_numbers, percents=percents, lists=lists)


def _round_all(values: Sequence[float | None], digits: int) -> Sequence[float | None]:
    """Returns the values as `round` does. Most are rounded already, and it takes `round` ten times as long to see."""
    scale = 10**digits
    return [value if value is None or int(value * scale) / scale == value else round(value, digits) for value in values]


def _try_mark(
    confidence: float | None,
    row: Sequence[Any],
    others: Mapping[str, Any] | None,
    number_class: ClassNumber,
    *,
    track_id: int | None,
) -> Mark | None:
    try:
        return _make_mark(confidence, row if others is None else _add_others(row, others), number_class, track_id)
    except _NotDrawable:
        return None


def _add_others(row: Sequence[Any], others: Mapping[str, Any]) -> Sequence[Any]:
    """Returns a row with the lists that don't fit their columns: points with additional fields can be drawn."""
    if not others.keys().isdisjoint(_PLAIN):
        raise _NotDrawable
    plain, lists = row[: len(_PLAIN)], row[len(_PLAIN) :]
    return [*plain, *(others.get(name, value) for name, value in zip(_LISTS, lists, strict=True))]


def _make_mark(confidence: float | None, row: Sequence[Any], number_class: ClassNumber, track_id: int | None) -> Mark:
    name, x, y, width, height, yaw, pitch, points, keypoints, landmarks = row
    if name is None:
        raise _NotDrawable
    if confidence is not None:
        confidence = round(confidence, 4)
    if x is None and y is None and width is None and height is None:
        return Mark(number_class(name), confidence)
    box = (_round(x, 1), _round(y, 1), _round(width, 1), _round(height, 1))
    if yaw is not None or pitch is not None or landmarks is not None:
        gaze = _round(yaw, 4), _round(pitch, 4)
        flat = _flatten(landmarks or ())
        return Mark(number_class(name), confidence, box, gaze=gaze, landmarks=flat, track_id=track_id)
    if points:
        polygon = _flatten(points)
        return Mark(number_class(name), confidence, box, polygon, track_id=track_id)
    if keypoints:
        read = list(map(_read_keypoint, keypoints))
        return Mark(number_class(name), confidence, box, keypoints=read, track_id=track_id)
    return Mark(number_class(name), confidence, box, track_id=track_id)


def _read_keypoint(point: Any) -> Keypoint:
    try:
        confidence, name = read_confidence(point.get("confidence")), point.get("class")
        return Keypoint(
            _round(point["x"], 1),
            _round(point["y"], 1),
            None if confidence is None else round(confidence, 2),
            "" if name is None else printable(str(name)),
        )
    except (AttributeError, KeyError, TypeError):
        raise _NotDrawable from None


def _flatten(points: Iterable[Mapping[str, Any]]) -> list[float]:
    try:
        return [_round(point[axis], 1) for point in points for axis in ("x", "y")]
    except (KeyError, TypeError):
        raise _NotDrawable from None


def _round(value: Any, digits: int) -> float:
    if type(value) not in (int, float) or not -_NUMBER_MAX < value < _NUMBER_MAX:  # also for NaN
        raise _NotDrawable
    return round(value, digits)  # type: ignore[no-any-return]
