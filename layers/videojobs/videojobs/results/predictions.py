"""Predictions: reads the elements of the results into columns that are the same for every inference type.

One row is one prediction: a box, a mask, the key points of one object, a face with its gaze, or a label. For a
classification, the rows are the labels that it chose (`top`, or `predicted_classes`); the frames' `scores` have the
confidences of all labels.
"""

import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import Annotated, Any, Self, TypeIs

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from videojobs.errors import BrokenResults
from videojobs.jobs.inference_types import is_documented
from videojobs.results.events import Event

type Points = Sequence[Mapping[str, Any]]

COLUMNS: Mapping[str, type | tuple[type, ...]] = {
    "class": str,
    "class_id": int,
    "confidence": (float, int),
    "x": (float, int),
    "y": (float, int),
    "width": (float, int),
    "height": (float, int),
    "tracker_id": (int, str),
    "detection_id": str,
    "points": list,
    "keypoints": list,
    "yaw": (float, int),
    "pitch": (float, int),
    "landmarks": list,
}
"""The fields of a prediction that have a column, with their types. Everything else goes to `extra`, as JSON."""

BOX_COLUMNS = ("x", "y", "width", "height")
_DETAILS = {"points", "keypoints", "landmarks", "yaw", "pitch"}

type Box = tuple[float, ...]
"""x and y of the center, width, height; pixels."""

_POINT_FIELDS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "points": {"x": (float, int), "y": (float, int)},
    "landmarks": {"x": (float, int), "y": (float, int)},
    "keypoints": {"x": (float, int), "y": (float, int), "confidence": (float, int), "class_id": int, "class": str},
}
_KNOWN = frozenset(COLUMNS)
_INT64 = range(-(2**63), 2**63)
_NONE = type(None)

_ELEMENT_FIELDS = frozenset(("time", "image", "predictions", "top", "confidence", "predicted_classes", "embeddings"))


type _Int64 = Annotated[int, Meta(ge=_INT64.start, le=_INT64.stop - 1)]
type _Number = _Int64 | float | None


class _Box(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True, rename={"class_": "class"}):
    class_: str | None = None
    class_id: _Int64 | None = None
    confidence: _Number = None
    x: _Number = None
    y: _Number = None
    width: _Number = None
    height: _Number = None
    tracker_id: _Int64 | str | None = None
    detection_id: str | None = None


class BoxesElement(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """An element that has only boxes, as most do: decoding it takes half the time of dictionaries."""

    predictions: list[_Box]
    time: _Number = None
    image: Any = None
    repeated_from: _Int64 | UnsetType = UNSET
    """The engine's mark of a frame that repeats another one's predictions."""


decode_boxes = msgspec.json.Decoder(list[BoxesElement | None]).decode
"""Parses a list of elements. Raises msgspec.ValidationError if one has more than boxes, or is invalid."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions of some sampled frames.

    Attributes:
        counts: The number of rows of each frame. Rows are in the order of frames.
        columns: One list for each name in COLUMNS, with one value per row, or None.
        absent: The columns, including `extra`, that are None in every row.
        extra: By row, the values without a column or that don't fit it, as JSON text, or None.
        others: The same values by row number, unchanged.
    """

    counts: Sequence[int]
    columns: Mapping[str, Sequence[Any]]
    absent: Set[str]
    extra: Sequence[str | None]
    others: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.extra)

    @cached_property
    def confidences(self) -> Sequence[float | None]:
        """Each row's confidence, for people; None also if the value is not from 0 to 1. The tables keep such values."""
        # The rule of `read_confidence`, in half its time: the column has only numbers and None.
        column = self.columns["confidence"]
        return [value if value is not None and 0 <= value <= 1 else None for value in column]

    @cached_property
    def box_extremes(self) -> tuple[Box, Box] | None:
        """The least and the greatest x, y, width and height; None if a prediction lacks one, or if there are none.

        So a property of all boxes can be checked in a fraction of the time that it takes box by box.
        """
        sides = [self.columns[name] for name in BOX_COLUMNS]
        if not len(self) or any(None in side for side in sides):
            return None
        return tuple(map(min, sides)), tuple(map(max, sides))

    @cached_property
    def class_counts(self) -> Sequence[Counter[str | None]]:
        """The number of rows of each frame by class."""
        names = iter(self.columns["class"])
        return [Counter(islice(names, count)) for count in self.counts]

    @cached_property
    def are_plain_boxes(self) -> bool:
        """Whether all rows have a class and a box, and nothing else that can be drawn."""
        return (
            not self.others
            and self.absent >= _DETAILS
            and None not in self.columns["class"]
            and self.box_extremes is not None
        )

    @cached_property
    def frames(self) -> Sequence[int]:
        """The number of each row's frame among these frames, in ascending order."""
        return list(chain.from_iterable(map(repeat, range(len(self.counts)), self.counts)))


@dataclass(frozen=True, kw_only=True)
class Frames:
    """One model's elements for consecutive sampled frames.

    Attributes:
        inference_type: The model's type, or None if only a results file is known. The elements of a type that is not
            documented may have any form; what fits one of the known forms is read, and nothing breaks the contract.
        first: The number of the first sampled frame, from 0.
        frame_offsets: The frames' numbers in the video, in presentation order.
        time_offsets: Seconds.
        entries: The elements, None if the model failed: either all are BoxesElement, or of JSON's own types.
        track_ids: The number of each prediction's track, or None; None instead of the list without tracking.
        events: What tracked objects did in the regions: the next events of the model, in order of time. Those of its
            last seconds come with frames without entries, after the model's last frame.
        events_failure: Why there are no events from now on, or None.
        other_classes: The classes of predictions that don't count because of the option `classes`.
    """

    model_id: str
    inference_type: str | None
    first: int
    frame_offsets: Sequence[int]
    time_offsets: Sequence[float]
    entries: Sequence[Any]
    track_ids: Sequence[int | None] | None = None
    events: Sequence[Event] = ()
    events_failure: Exception | None = None
    other_classes: Set[str] = frozenset()

    @property
    def predictions(self) -> Predictions:
        """All predictions. Raises BrokenResults if an element breaks the contract."""
        for number, problem in self._reading[1].items() if is_documented(self.inference_type) else ():
            raise BrokenResults(
                f"The results break the contract in element {self.first + number:,} of {self.model_id}: {problem}."
            )
        return self.usable_predictions

    @property
    def usable_predictions(self) -> Predictions:
        """The predictions without those that break the contract, for the report and the annotated video."""
        return self._reading[0]

    def with_track_ids(self, track_ids: Sequence[int | None]) -> Self:
        """Returns the frames with one track ID, or None, for each of `usable_predictions`."""
        return self._replace(track_ids=track_ids)

    def with_predictions(
        self, predictions: Predictions, track_ids: Sequence[int | None] | None, other_classes: Set[str]
    ) -> Self:
        """Returns the frames with other predictions, which are some of `usable_predictions`."""
        changed = self._replace(track_ids=track_ids, other_classes=other_classes)
        vars(changed)["_reading"] = predictions, self._reading[1]
        return changed

    def with_events(self, events: Sequence[Event], failure: Exception | None = None) -> Self:
        """Returns the frames with the model's next events, or with the reason why there are none."""
        return self._replace(events=events, events_failure=failure)

    def _replace(self, **values: Any) -> Self:
        changed = replace(self, **values)
        # The entries are not read a second time.
        vars(changed)["_reading"] = self._reading
        vars(changed).update({name: vars(self)[name] for name in ("facts", "failures") if name in vars(self)})
        return changed

    @cached_property
    def failures(self) -> Sequence[bool]:
        """Whether the model failed on each frame: an element is null, or has neither predictions nor embeddings."""
        if not is_documented(self.inference_type):
            return [entry is None for entry in self.entries]
        return list(map(_is_failure, self.entries))

    @cached_property
    def unread(self) -> Sequence[bool]:
        """Whether each element has a form that is not known, which only a type that is not documented may have."""
        return [False] * len(self.entries) if is_documented(self.inference_type) else self.unknown_forms

    @cached_property
    def unknown_forms(self) -> Sequence[bool]:
        """Whether each element has a form that is not known, whatever the type is said to be."""
        return list(map(_is_unread, self.entries, self.facts))

    @cached_property
    def facts(self) -> Sequence["FrameFacts"]:
        """Each element's data besides its predictions."""
        read = read_frame_facts if is_documented(self.inference_type) else _read_unknown_facts
        return list(map(read, self.entries))

    @cached_property
    def _reading(self) -> tuple[Predictions, Mapping[int, str]]:
        return read_predictions(self.entries)


def read_confidence(value: Any) -> float | None:
    """Returns a confidence from 0 to 1; None for any other value."""
    return value if type(value) in (float, int) and 0 <= value <= 1 else None


def read_predictions(entries: Sequence[Any]) -> tuple[Predictions, Mapping[int, str]]:
    """Normalizes `Frames.entries`.

    Returns the predictions that fit the contract and, by entry number, how the others break it.
    """
    if any(isinstance(entry, BoxesElement) for entry in entries):
        return _make_box_columns([entry.predictions if entry else () for entry in entries]), {}
    lists = list(map(_list_predictions, entries))
    problems: dict[int, str] = {}
    if None in lists or not set(map(type, chain.from_iterable(filter(None, lists)))) <= {dict}:
        found = enumerate(map(_find_problem, entries, lists))
        problems = {number: problem for number, problem in found if problem}
        lists = [[row for row in rows or () if type(row) is dict] for rows in lists]
    rows = [row for rows in lists for row in rows or ()]
    return _make_columns(rows, [len(rows or ()) for rows in lists]), problems


def _list_predictions(element: Any) -> Sequence[Any] | None:
    """Returns the predictions of an element as flat objects; None if it breaks the contract."""
    if element is None or isinstance(element, list):
        return ()
    if not isinstance(element, dict):
        return None
    predictions = element.get("predictions")
    if isinstance(predictions, list):
        if "top" in element:
            return _choose_label(element, predictions)
        if predictions and isinstance(predictions[0], dict) and "face" in predictions[0]:
            return list(map(_flatten_face, predictions))
        return predictions
    if isinstance(predictions, dict):
        return _choose_labels(element, predictions)
    return () if predictions is None else None


def _is_failure(element: Any) -> bool:
    if isinstance(element, dict):
        return element.get("predictions") is None and "embeddings" not in element
    return element is None


def _find_problem(element: Any, rows: Sequence[Any] | None) -> str | None:
    """Returns how an element with these predictions breaks the contract, or None."""
    if rows is not None:
        return next((f"{_shorten(row)} is not a prediction" for row in rows if type(row) is not dict), None)
    if isinstance(element, dict):
        return f"predictions is {_shorten(element['predictions'])}"
    return f"{_shorten(element)} is neither an object nor a list nor null"


class FrameFacts(Struct, frozen=True, gc=False, kw_only=True):
    """An element's data besides its predictions.

    Attributes:
        size: Width and height, in pixels, of the picture that its coordinates refer to, or None.
        seconds: How long the model took, or None.
        scores: All labels of a classification with their confidences, or None.
        is_embedding: Whether the element is an embedding instead of predictions.
        embedding: The vector, or None, also if it has other values than numbers.
        extra: The element's other fields as JSON text, or None.
    """

    size: tuple[int, int] | None = None
    seconds: float | None = None
    scores: Sequence[Mapping[str, Any]] | None = None
    is_embedding: bool = False
    embedding: Sequence[float] | None = None
    extra: str | None = None


def read_frame_facts(element: Any) -> FrameFacts:
    """Reads the facts of one of `Frames.entries`."""
    if isinstance(element, BoxesElement):
        return FrameFacts(
            size=_read_size(element.image),
            seconds=None if element.time is None else float(element.time),
            extra=None if element.repeated_from is UNSET else _to_json({"repeated_from": element.repeated_from}),
        )
    if isinstance(element, list):
        return _read_vector(element, {})
    if not isinstance(element, dict):
        return FrameFacts()
    extra = {name: element[name] for name in element.keys() - _ELEMENT_FIELDS}
    if "embeddings" in element:
        return _read_vector(element["embeddings"], extra)
    predictions, scores = element.get("predictions"), None
    if isinstance(predictions, dict):
        scores = [{**score, "class": name} for name, score in predictions.items() if isinstance(score, dict)]
    elif "top" in element and isinstance(predictions, list):
        scores = [score for score in predictions if isinstance(score, dict)]
    if scores is not None:
        scores = [{name: _take(score, name) for name in ("class", "class_id", "confidence")} for score in scores]
    seconds = element.get("time")
    return FrameFacts(
        size=_read_size(element.get("image")),
        seconds=float(seconds) if _is_number(seconds) else None,
        scores=scores,
        extra=_to_json(extra) if extra else None,
    )


def _read_unknown_facts(element: Any) -> FrameFacts:
    """Reads the facts of an element of any form."""
    facts = read_frame_facts(element)
    if facts.is_embedding and facts.embedding is None:
        facts = msgspec.structs.replace(facts, is_embedding=False)
    return facts


def _is_unread(element: Any, facts: FrameFacts) -> bool:
    if element is None or isinstance(element, BoxesElement) or facts.embedding is not None:
        return False
    rows = _list_predictions(element) if isinstance(element, dict) and element.get("predictions") is not None else None
    return rows is None or any(type(row) is not dict or not row.keys() & _KNOWN for row in rows)


def _read_vector(value: Any, extra: dict[str, Any]) -> FrameFacts:
    vectors = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    vector, *others = vectors
    if not isinstance(vector, list) or not all(map(_is_number, vector)):
        return FrameFacts(is_embedding=True, extra=_to_json({**extra, "embeddings": value}))
    if others:
        extra = {**extra, "embeddings": others}
    return FrameFacts(is_embedding=True, embedding=vector, extra=_to_json(extra) if extra else None)


def _read_size(image: Any) -> tuple[int, int] | None:
    if isinstance(image, list):
        image = image[0] if image else None
    if not isinstance(image, dict):
        return None
    width, height = image.get("width"), image.get("height")
    if _is_number(width) and _is_number(height) and 1 <= width < 2**31 and 1 <= height < 2**31:
        return int(width), int(height)
    return None


def _is_number(value: Any) -> TypeIs[float]:
    return type(value) is float or (type(value) is int and value in _INT64)


def _choose_label(element: Mapping[str, Any], predictions: Sequence[Any]) -> Sequence[Any]:
    top = element["top"]
    if not top:
        return ()
    score = next((entry for entry in predictions if isinstance(entry, dict) and entry.get("class") == top), {})
    return [{"confidence": element.get("confidence"), **score, "class": top}]


def _choose_labels(element: Mapping[str, Any], predictions: Mapping[str, Any]) -> Sequence[Any]:
    chosen = element.get("predicted_classes")
    names = chosen if isinstance(chosen, list) else list(predictions)
    scores = [predictions.get(name) if isinstance(name, str) else None for name in names]
    return [
        {**(score if isinstance(score, dict) else {}), "class": name} for name, score in zip(names, scores, strict=True)
    ]


def _flatten_face(prediction: Any) -> Any:
    """Returns a gaze prediction with its face's fields at the top level."""
    face = prediction.get("face") if isinstance(prediction, dict) else None
    if not isinstance(face, dict):
        return prediction
    return {**face, **{name: value for name, value in prediction.items() if name != "face"}}


def _make_box_columns(lists: Sequence[Sequence[_Box]]) -> Predictions:
    rows = list(chain.from_iterable(lists))
    nulls = [None] * len(rows)
    columns: dict[str, Sequence[Any]] = dict.fromkeys(COLUMNS, nulls)
    absent = {*COLUMNS, "extra"}
    # Written out, because `attrgetter` takes more than twice the time.
    columns["class"] = [row.class_ for row in rows]
    columns["class_id"] = [row.class_id for row in rows]
    columns["confidence"] = [row.confidence for row in rows]
    columns["x"] = [row.x for row in rows]
    columns["y"] = [row.y for row in rows]
    columns["width"] = [row.width for row in rows]
    columns["height"] = [row.height for row in rows]
    columns["tracker_id"] = [row.tracker_id for row in rows]
    columns["detection_id"] = [row.detection_id for row in rows]
    for name, values in columns.items():
        if values and (values[0] is not None or values != nulls):
            absent.remove(name)
    return Predictions(counts=list(map(len, lists)), columns=columns, absent=absent, extra=nulls)


def _make_columns(rows: Sequence[dict[str, Any]], counts: Sequence[int]) -> Predictions:
    names: set[str] = set().union(*rows)
    nulls = [None] * len(rows)
    extra: dict[int, dict[str, Any]] = {}
    if not names <= _KNOWN:
        extra = {
            number: {name: row[name] for name in unknown}
            for number, row in enumerate(rows)
            if (unknown := row.keys() - _KNOWN)
        }
    columns = {name: _make_column(name, rows, extra) if name in names else nulls for name in COLUMNS}
    absent = COLUMNS.keys() - names
    if not extra:
        return Predictions(counts=counts, columns=columns, absent=absent | {"extra"}, extra=nulls)
    texts = [_to_json(extra[number]) if number in extra else None for number in range(len(rows))]
    return Predictions(counts=counts, columns=columns, absent=absent, extra=texts, others=extra)


def _make_column(name: str, rows: Sequence[dict[str, Any]], extra: dict[int, dict[str, Any]]) -> Sequence[Any]:
    """Returns the values of one field, and moves those that don't fit to `extra`."""
    try:
        values = list(map(itemgetter(name), rows))
    except KeyError:
        values = [row.get(name) for row in rows]
    if not _all_fit(name, values):
        fits = _FITS[name]
        for number, value in enumerate(values):
            if value is not None and not fits(value):
                extra.setdefault(number, {})[name] = value
                values[number] = None
    return values


def _all_fit(name: str, values: Sequence[Any]) -> bool:
    """Returns whether every value fits its column; checks types first, which is faster."""
    kinds = set(map(type, values))
    if kinds <= _TYPES[name]:
        if int not in kinds and list not in kinds:
            return True
        if kinds == {int}:
            return _are_int64(values)
        if kinds <= {int, float}:
            return bool(_INT64.start <= min(values) and max(values) < _INT64.stop)
    fits = _FITS[name]
    return all(value is None or fits(value) for value in values)


def _are_int64(values: Sequence[int]) -> bool:
    try:
        array("q", values)  # takes a third of the time of min and max
    except OverflowError:
        return False
    return True


def _is(kinds: type | tuple[type, ...]) -> Callable[[Any], bool]:
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    return lambda value: type(value) in allowed and (type(value) is not int or value in _INT64)


def _are_points(name: str) -> Callable[[Any], bool]:
    fields = {point_field: _is(kinds) for point_field, kinds in _POINT_FIELDS[name].items()}

    def fits(value: Any) -> bool:
        return type(value) is list and all(
            type(point) is dict
            and point.keys() <= fields.keys()
            and all(entry is None or fields[point_field](entry) for point_field, entry in point.items())
            for point in value
        )

    return fits


_FITS = {name: _are_points(name) if name in _POINT_FIELDS else _is(kinds) for name, kinds in COLUMNS.items()}

_TYPES = {name: {_NONE, *(kinds if isinstance(kinds, tuple) else (kinds,))} for name, kinds in COLUMNS.items()}


def _take(score: Mapping[str, Any], name: str) -> Any:
    value = score.get(name)
    return value if value is not None and _FITS[name](value) else None


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
