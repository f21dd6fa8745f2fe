"""Detects the events of tracked objects in the regions of a video, in one pass over the results."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter

from videojobs.errors import BrokenResults
from videojobs.jobs.ledger import VIDEO_SECONDS_MAX
from videojobs.jobs.regions import Region
from videojobs.results.events import Event
from videojobs.results.object_paths import FoundEvent, FrameTime, ObjectPaths, Row, Size
from videojobs.results.predictions import Frames
from videojobs.results.tracking import is_box

_find_time = itemgetter(0)
_find_order = itemgetter(0, 1, 2, 3)


class EventDetection:
    """Detects the events of all models of a results file. Each model's frames must be in order of time.

    A model's events come in order of time. So each is held back until no earlier one can follow, which takes a few
    seconds: as long as an object that is not seen may come back. Batches of frames don't change their order.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = regions
        self._models: dict[str, _ModelEvents] = {}

    def add(self, frames: Frames) -> Sequence[Event]:
        """Returns the model's next events.

        Raises:
            BrokenResults: A time is invalid.
        """
        model = self._models.get(frames.model_id)
        if model is None:
            model = self._models[frames.model_id] = _ModelEvents(frames.model_id, self._regions)
        return model.add(frames)

    def end(self, model_id: str) -> Sequence[Event]:
        """Returns the model's remaining events, after its last frame.

        Raises:
            BrokenResults: Its elements lack the size of the picture, without which regions have no place.
        """
        model = self._models.pop(model_id, None)
        return () if model is None else model.end()


class _ModelEvents:
    """The events of one model. Regions with the same anchor are watched together."""

    def __init__(self, model_id: str, regions: Sequence[Region]) -> None:
        self._model_id = model_id
        self._size: Size | None = None
        self._is_size_missed = False
        self._frame = FrameTime(-VIDEO_SECONDS_MAX, 0, 0)
        self._found: list[FoundEvent] = []
        self._named = frozenset(name for region in regions for name in region.classes)
        anchors = dict.fromkeys(region.anchor for region in regions)
        self._watches = [ObjectPaths(model_id, regions, anchor, self._found) for anchor in anchors]

    def add(self, frames: Frames) -> Sequence[Event]:
        for seconds, frame_offset, facts, rows in zip(
            frames.time_offsets, frames.frame_offsets, frames.facts, _split_rows(frames), strict=True
        ):
            if len({row[0] for row in rows}) < len(rows):
                rows = sorted(rows, key=self._rank)
            if not -VIDEO_SECONDS_MAX <= seconds <= VIDEO_SECONDS_MAX:
                raise BrokenResults(f"The results break the contract: {seconds:g} is not a valid time of a video.")
            frame = FrameTime(max(seconds, self._frame.seconds), frame_offset, self._frame.number + 1)
            self._frame = frame
            if facts.size is not None and facts.size != self._size:
                self._size = facts.size
                for watch in self._watches:
                    watch.resize(facts.size)
            if self._size is None:
                self._is_size_missed = self._is_size_missed or bool(rows)
                continue
            for watch in self._watches:
                watch.follow(frame, rows)
        if not self._found:
            return ()
        return self._release(min(watch.find_earliest(self._frame.seconds) for watch in self._watches))

    def _rank(self, row: Row) -> tuple[bool, str]:
        """The order of an object's rows in a frame that shows it as several classes. It counts as the first of them.

        The order does not depend on the file's, so that an object does not jump between its boxes.
        """
        name = row[1]
        return name not in self._named, name or ""

    def end(self) -> Sequence[Event]:
        if self._is_size_missed and self._size is None:
            raise BrokenResults(
                f"The elements of {self._model_id} lack the size of the picture, which regions refer to."
            )
        for watch in self._watches:
            watch.end()
        return self._release(2 * VIDEO_SECONDS_MAX)

    def _release(self, end_seconds: float) -> Sequence[Event]:
        """Returns the events before a time, and keeps the others."""
        self._found.sort(key=_find_order)
        count = bisect_left(self._found, end_seconds, key=_find_time)
        released = [event for *_, event in self._found[:count]]
        del self._found[:count]
        return released


def _split_rows(frames: Frames) -> Iterator[Sequence[Row]]:
    """Yields the predictions of each frame that have a track and a box."""
    predictions = frames.usable_predictions
    columns = [predictions.columns[name] for name in ("class", "x", "y", "width", "height")]
    rows = zip(frames.track_ids or (), *columns, strict=False)
    may_lack_boxes = "tracker_id" not in predictions.absent
    for count in predictions.counts:
        tracked = [row for row in islice(rows, count) if row[0] is not None]
        yield list(filter(is_box, tracked)) if may_lack_boxes else tracked
