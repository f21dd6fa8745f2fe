"""Track IDs of predictions: the results' own tracker IDs, if they have any, or else those of the tracker.

Each model has its own track IDs, from 1: an object is identified by `model_id` and `track_id`. The IDs don't depend on
how the frames are batched, so that outputs that are made separately have the same ones.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

from videojobs.results.predictions import BOX_COLUMNS, Frames, Predictions
from videojobs.results.tracks import Box, Tracker

type TrackIds = Sequence[int | None]
"""One track ID per prediction; None for a prediction without a box, or with a low confidence and no track."""

_NO_TRACK = -1
"""The tracker ID that Roboflow's trackers give a prediction without a track."""

_PIXELS_MAX = 1e9
_SIDE_MIN = 1e-6


class Tracking:
    """Tracks the objects of all models of a results file. Each model's frames must be in order of time."""

    def __init__(self) -> None:
        self._models: dict[str, _ModelTracking] = {}

    def add(self, frames: Frames) -> Frames:
        """Returns the frames with track IDs, which continue those of the model's earlier frames."""
        ids = self.number(frames.model_id, frames.time_offsets, frames.usable_predictions)
        return frames.with_track_ids(ids)

    def number(self, model_id: str, time_offsets: Sequence[float], predictions: Predictions) -> TrackIds:
        """Returns the track IDs of a model's predictions for some frames.

        Args:
            time_offsets: Seconds, one per frame.
        """
        model = self._models.get(model_id)
        if model is None:
            model = self._models[model_id] = _ModelTracking()
        return model.number(time_offsets, predictions)


class _ModelTracking:
    """From the first frame with a tracker ID, only the results' own tracker IDs count.

    They are kept, except those that the tracker gave to other objects before: these become other numbers.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()
        self._has_tracker_ids = False

    def number(self, time_offsets: Sequence[float], predictions: Predictions) -> TrackIds:
        boxes = _list_boxes(predictions)
        tracker_ids = iter(predictions.columns["tracker_id"])
        may_have_ids = "tracker_id" not in predictions.absent
        ids: list[int | None] = []
        for seconds, count in zip(time_offsets, predictions.counts, strict=True):
            frame_boxes = list(islice(boxes, count))
            if may_have_ids or self._has_tracker_ids:
                frame_ids = list(islice(tracker_ids, count))
                self._has_tracker_ids = self._has_tracker_ids or any(number is not None for number in frame_ids)
                if self._has_tracker_ids:
                    ids += map(self._read_tracker_id, frame_ids)
                    continue
            ids += self._follow(seconds, frame_boxes)
        return ids

    def _read_tracker_id(self, tracker_id: int | str | None) -> int | None:
        number = read_tracker_id(tracker_id)
        return _hash(str(number)) if number is not None and 0 < number <= self._tracker.count else number

    def _follow(self, seconds: float, boxes: Sequence[Box | None]) -> TrackIds:
        if None not in boxes:
            return self._tracker.follow(seconds, boxes)  # type: ignore[arg-type]  # there is no None
        numbers = iter(self._tracker.follow(seconds, [box for box in boxes if box is not None]))
        return [None if box is None else next(numbers) for box in boxes]


def count_objects(track_ids: Sequence[int | None]) -> int:
    """Returns how many objects have these track IDs in one frame. An object may have several predictions there.

    A prediction without a track is an object of its own.
    """
    different = set(track_ids)
    if None in different:
        return len(different) - 1 + track_ids.count(None)
    return len(different)


def read_tracker_id(tracker_id: int | str | None) -> int | None:
    """Returns a tracker ID of the results as a number. A text that isn't a number becomes a large one, its hash."""
    if tracker_id is None or tracker_id == _NO_TRACK:
        return None
    if isinstance(tracker_id, int):
        return tracker_id
    if tracker_id.isascii() and tracker_id.isdecimal() and len(tracker_id) <= 15:
        return int(tracker_id)
    return _hash(tracker_id)


def _hash(text: str) -> int:
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) >> 11  # 53 bits, because JavaScript's integers are exact up to 2 ** 53


def _list_boxes(predictions: Predictions) -> Iterator[Box | None]:
    """Yields the box of each prediction, or None if it has none, or an invalid one."""
    names, confidences = predictions.columns["class"], predictions.confidences
    rows = zip(names, confidences, *(predictions.columns[name] for name in BOX_COLUMNS), strict=True)
    extremes = predictions.box_extremes
    if extremes and all(is_box((None, None, *box)) for box in extremes):
        return rows
    return (row if is_box(row) else None for row in rows)


def is_box(row: Sequence[Any]) -> bool:
    """Returns whether a row of two other values and x, y, width and height has a valid box."""
    _, _, x, y, width, height = row
    try:
        return bool(
            -_PIXELS_MAX < x < _PIXELS_MAX
            and -_PIXELS_MAX < y < _PIXELS_MAX
            and _SIDE_MIN < width < _PIXELS_MAX
            and _SIDE_MIN < height < _PIXELS_MAX
        )
    except TypeError:  # one of them is None
        return False
