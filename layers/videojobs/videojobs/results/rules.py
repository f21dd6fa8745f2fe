"""Evaluates the conditions of the option `notify_when` while the results are streamed.

Each model is evaluated on its own, because the models of a file follow one another; a condition holds if it holds for
one of them. A prediction counts for a condition in these steps:

1. It has the class, confidence, place and time of day.
2. Its object has stayed for `min_dwell_seconds`, counting only such predictions.
3. Its sampled frame has at least `min_count` objects with such a prediction.
4. At least `min_tracks` different objects have had one of those.

Stays in a region are the visits in `events.csv`, whose class is that of most of their frames. Only a condition that
also has a confidence or hours counts the predictions with them.

Memory holds the objects that have not ended, and up to `min_tracks` track IDs per condition.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from math import sqrt
from typing import Any, Literal, Self

from videojobs.errors import BrokenResults
from videojobs.jobs.notify_when import Combination, Condition, NotifyWhen
from videojobs.jobs.regions import Region
from videojobs.logs import logger
from videojobs.results.borders import EDGE_PIXELS, Border, make_border
from videojobs.results.events import Event
from videojobs.results.object_paths import MARGIN, STAY_SIGHTINGS, Size, has_stayed
from videojobs.results.predictions import Frames
from videojobs.results.tracking import count_objects
from videojobs.results.tracks import LOST_FRAMES, LOST_SECONDS

MOMENTS_MAX = 3
"""How many moments an outcome has: the first ones."""

EPISODE_GAP_SECONDS = 5.0
"""Frames in which a condition holds belong to one episode unless more time passes between them."""

EVENT_DELAY_SECONDS = (STAY_SIGHTINGS + 3) * LOST_SECONDS
EVENT_DELAY_FRAMES = (STAY_SIGHTINGS + 3) * (LOST_FRAMES + 1)
"""An event comes at most this much later than the frame that shows it: an object may be lost between all sightings that
make its crossing certain, and after that another one.
"""

type Whereabouts = Literal["inside", "just inside", "just outside", "outside"]
"""Where a prediction is, seen from a polygon: `just` if it is so near to the border that its object may be on the other
side, because boxes tremble.
"""

type Clock = Callable[[float], datetime | None]
"""Returns when a time of the results was, or None if that is unknown."""


@dataclass(frozen=True, kw_only=True)
class RuleOutcome:
    """What came of one condition.

    Attributes:
        held: None if it could not be evaluated.
        times: How often it held: the number of episodes, or of crossings.
        moments: When the first of those began; seconds, as in the results.
    """

    name: str
    held: bool | None
    times: int = 0
    moments: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RulesOutcome:
    """What came of the option `notify_when`.

    Attributes:
        problem: Why some conditions could not be evaluated, or None.
    """

    combination: Combination
    conditions: tuple[RuleOutcome, ...]
    problem: str | None = None

    @classmethod
    def unknown(cls, notify_when: NotifyWhen, problem: str) -> Self:
        """Returns the outcome of conditions of which none could be evaluated."""
        conditions = tuple(RuleOutcome(name=condition.name, held=None) for condition in notify_when.conditions)
        return cls(combination=notify_when.combination, conditions=conditions, problem=problem)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returned."""
        conditions = tuple(RuleOutcome(**{**entry, "moments": tuple(entry["moments"])}) for entry in data["conditions"])
        return cls(combination=data["combination"], conditions=conditions, problem=data["problem"])

    def to_dict(self) -> dict[str, Any]:
        return {"held": self.held, **asdict(self)}

    @property
    def held(self) -> bool | None:
        """Whether the conditions held, any or all of them. None if that depends on one that could not be evaluated."""
        values = [condition.held for condition in self.conditions]
        decisive = self.combination == "any"
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    @property
    def matched(self) -> tuple[RuleOutcome, ...]:
        """The conditions that held, if the notice is sent because of them."""
        if self.held is False:
            return ()
        return tuple(condition for condition in self.conditions if condition.held)


class Rules:
    """Evaluates conditions over frames that arrive in order, model by model. It never raises: see `RulesOutcome`."""

    def __init__(self, notify_when: NotifyWhen, regions: Sequence[Region], clock: Clock) -> None:
        self._notify_when = notify_when
        self._regions = {region.name: region for region in regions}
        self._clock = clock
        self._models: dict[str, list[_Evaluation]] = {}
        self._problem: str | None = None
        self._has_failed = False

    def add(self, frames: Frames) -> None:
        """Adds some frames of one model, without the predictions that don't count."""
        if self._has_failed or not self._notify_when:
            return
        try:
            self._add(frames)
        except Exception as error:
            logger.exception("The conditions of notify_when can't be evaluated.")
            self._has_failed = True
            self._problem = f"an error ({type(error).__name__})"

    @property
    def notify_when(self) -> NotifyWhen:
        return self._notify_when

    def conclude(self) -> RulesOutcome | None:
        """Returns the outcome, or None if there are no conditions."""
        if not self._notify_when:
            return None
        if self._has_failed:
            return RulesOutcome.unknown(self._notify_when, self._problem or "")
        by_condition = zip(*self._models.values(), strict=True) if self._models else [()] * len(self._conditions)
        merged = map(_merge, self._conditions, by_condition)
        return RulesOutcome(combination=self._notify_when.combination, conditions=tuple(merged), problem=self._problem)

    @property
    def _conditions(self) -> Sequence[Condition]:
        return self._notify_when.conditions

    def _add(self, frames: Frames) -> None:
        evaluations = self._models.get(frames.model_id)
        if evaluations is None:
            evaluations = [_Evaluation(condition, self._regions, self._clock) for condition in self._conditions]
            self._models[frames.model_id] = evaluations
        for evaluation in evaluations:
            evaluation.add(frames)
            self._problem = self._problem or evaluation.problem


def _merge(condition: Condition, evaluations: Sequence["_Evaluation"]) -> RuleOutcome:
    moments = sorted(moment for evaluation in evaluations for moment in evaluation.episodes.moments)
    held: bool | None = bool(moments)
    if not held and any(evaluation.problem for evaluation in evaluations):
        held = None
    times = sum(evaluation.episodes.times for evaluation in evaluations)
    return RuleOutcome(name=condition.name, held=held, times=times, moments=tuple(moments[:MOMENTS_MAX]))


@dataclass(kw_only=True)
class _Episodes:
    """The episodes of one condition."""

    times: int = 0
    moments: list[float] = field(default_factory=list)
    last_seconds: float = 0.0
    last_frame: int = -1

    def add_frame(self, seconds: float, frame: int) -> None:
        """Adds a sampled frame in which the condition holds."""
        is_new = seconds - self.last_seconds > EPISODE_GAP_SECONDS and frame - self.last_frame > 1
        if is_new or not self.times:
            self.add(seconds)
        self.last_seconds, self.last_frame = seconds, frame

    def begin(self, seconds: float) -> None:
        """Begins a time in which the condition holds."""
        if not self.times or seconds - self.last_seconds > EPISODE_GAP_SECONDS:
            self.add(seconds)

    def end(self, seconds: float) -> None:
        """Ends that time."""
        self.last_seconds = seconds

    def add(self, seconds: float) -> None:
        """Adds an episode."""
        self.times += 1
        if len(self.moments) < MOMENTS_MAX:
            self.moments.append(seconds)


class _Evaluation:
    """The evaluation of one condition for one model.

    Attributes:
        problem: Why predictions could not be evaluated, or None.
    """

    def __init__(self, condition: Condition, regions: Mapping[str, Region], clock: Clock) -> None:
        self.problem: str | None = None
        self.episodes = _Episodes()
        self._condition = condition
        self._place = _Place(regions[condition.region]) if condition.region is not None else None
        self._clock = clock
        self._stays = _Stays()
        self._visits = _Visits(condition.min_dwell_seconds or 0.0)
        self._confidences = _RecentConfidences()
        self._objects: set[int] = set()
        self._crossings = 0

    def add(self, frames: Frames) -> None:
        """Adds frames, in order of time."""
        if self._condition.min_tracks and self.episodes.times:
            return  # It holds once.
        if self._condition.needs_events and frames.events_failure is not None:
            self.problem = describe_failure(frames.events_failure)
        if self._condition.line is not None:
            self._add_crossings(frames)
        elif self._condition.needs_events:
            self._add_visits(frames)
        else:
            self._add_predictions(frames)

    def _add_visits(self, frames: Frames) -> None:
        wanted, visits = self._condition, self._visits
        least = wanted.min_count or 1
        for event in frames.events:
            if event.region != wanted.region or wanted.class_name not in (None, event.class_name):
                continue
            for seconds in visits.pass_time(event.time_offset):
                if len(visits.long) < least:
                    continue
                if wanted.min_tracks is None:
                    if len(visits.long) == least:
                        self.episodes.begin(seconds)
                    continue
                self._objects |= visits.long
                if len(self._objects) >= wanted.min_tracks:
                    self.episodes.add(seconds)
                    self._objects.clear()
                    return
            if visits.take(event) and len(visits.long) == least - 1:
                self.episodes.end(event.time_offset)

    def _add_crossings(self, frames: Frames) -> None:
        if self._condition.min_confidence is not None:
            self._confidences.add(frames)
        for event in frames.events:
            if event.kind == "crossing" and event.region == self._condition.line and self._counts(event):
                self._crossings += 1
                if self._condition.min_tracks in (None, self._crossings):
                    self.episodes.add(event.time_offset)

    def _counts(self, event: Event) -> bool:
        wanted = self._condition
        if wanted.class_name not in (None, event.class_name) or wanted.direction not in (None, event.direction):
            return False
        if not self._is_hour(event.time_offset):
            return False
        return wanted.min_confidence is None or self._confidences.reaches(event, wanted.min_confidence)

    def _add_predictions(self, frames: Frames) -> None:
        rows = self._choose_placed(frames, self._select(frames))
        if self._place is not None and self._place.is_size_missed:
            self.problem = "the results don't have the size of the frames"
        placed, times, track_ids = frames.predictions.frames, frames.time_offsets, frames.track_ids or ()
        least = self._condition.min_count or 1
        counts = _count_by_frame(frames, rows) if least > 1 else Counter(placed[row] for row in rows)
        if self._condition.min_tracks is None:
            for number, count in counts.items():
                if count >= least:
                    self.episodes.add_frame(times[number], frames.first + number)
            return
        for row in rows:
            if counts[placed[row]] >= least and (track_id := track_ids[row]) is not None:
                self._objects.add(track_id)
                if len(self._objects) >= self._condition.min_tracks:
                    self.episodes.add(times[placed[row]])
                    self._objects.clear()
                    return

    def _select(self, frames: Frames) -> Sequence[int]:
        """Returns the predictions with the class, the confidence and the time of day, by row."""
        wanted, predictions = self._condition, frames.predictions
        placed, names = predictions.frames, predictions.columns["class"]
        rows: Sequence[int] = range(len(predictions))
        if (class_name := wanted.class_name) is not None:
            rows = [row for row in rows if names[row] == class_name]
        if (least := wanted.min_confidence) is not None:
            confidences = predictions.confidences
            rows = [row for row in rows if (sure := confidences[row]) is None or sure >= least]
        if wanted.hours is not None and rows:
            included = [self._is_hour(seconds) for seconds in frames.time_offsets]
            rows = [row for row in rows if included[placed[row]]]
        return rows

    def _choose_placed(self, frames: Frames, rows: Sequence[int]) -> Sequence[int]:
        """Returns those of `rows` that are in the region, and whose objects have stayed for long enough."""
        least = self._condition.min_dwell_seconds
        if least is None:
            return rows if self._place is None else self._place.choose_inside(frames, rows)
        placed, times = frames.predictions.frames, frames.time_offsets
        track_ids = frames.track_ids or [None] * len(placed)
        found = ((row, "inside") for row in rows) if self._place is None else self._place.find_all(frames, rows)
        chosen: list[int] = []
        for row, whereabouts in found:
            moment = times[placed[row]], frames.first + placed[row]
            if self._stays.follow(track_ids[row], whereabouts, moment) >= least:
                chosen.append(row)
        if len(times):
            self._stays.forget((times[-1], frames.first + len(times) - 1))
        return chosen

    def _is_hour(self, seconds: float) -> bool:
        if self._condition.hours is None:
            return True
        moment = self._clock(seconds)
        if moment is None:
            self.problem = "nothing says when the video was recorded"
            return False
        return self._condition.hours.include(moment)


def _count_by_frame(frames: Frames, rows: Iterable[int]) -> Mapping[int, int]:
    """Returns how many objects the frames of `rows` have among them."""
    placed, track_ids = frames.predictions.frames, frames.track_ids
    if track_ids is None:
        return Counter(placed[row] for row in rows)
    by_frame: defaultdict[int, list[int | None]] = defaultdict(list)
    for row in rows:
        by_frame[placed[row]].append(track_ids[row])
    return {number: count_objects(ids) for number, ids in by_frame.items()}


def describe_failure(failure: Exception) -> str:
    """Describes an error as the end of a sentence."""
    return str(failure).rstrip(".") if isinstance(failure, BrokenResults) else f"an error ({type(failure).__name__})"


class _Place:
    """Where predictions are, seen from one polygon. An element without a size has that of the one before.

    Attributes:
        is_size_missed: Whether predictions came before any size.
    """

    def __init__(self, region: Region) -> None:
        self.is_size_missed = False
        self._region = region
        self._drop = 0.5 if region.anchor == "bottom-center" else 0.0
        self._size: Size | None = None
        self._border: Border | None = None

    def choose_inside(self, frames: Frames, rows: Iterable[int]) -> Sequence[int]:
        """Returns those of `rows` that are inside."""
        return [row for row, border, x, y, _ in self._locate(frames, rows) if border.has_inside(x, y)]

    def find_all(self, frames: Frames, rows: Iterable[int]) -> Iterator[tuple[int, Whereabouts]]:
        """Yields where each of `rows` is, without those that don't count here."""
        for row, border, x, y, margin in self._locate(frames, rows):
            is_certain = border.measure(x, y) >= margin
            if border.has_inside(x, y):
                yield row, "inside" if is_certain else "just inside"
            else:
                yield row, "outside" if is_certain else "just outside"

    def _locate(self, frames: Frames, rows: Iterable[int]) -> Iterator[tuple[int, Border, float, float, float]]:
        """Yields rows that count, with the border, the anchor and the margin in pixels."""
        predictions, facts, drop = frames.predictions, frames.facts, self._drop
        placed = predictions.frames
        names, xs, ys, widths, heights = (predictions.columns[name] for name in ("class", "x", "y", "width", "height"))
        for row in rows:
            x, y, width, height = xs[row], ys[row], widths[row], heights[row]
            if None in (x, y, width, height) or not self._region.counts(names[row]):
                continue
            size = facts[placed[row]].size
            if size is not None and size != self._size:
                self._size, self._border = size, make_border(self._region, size)
            if self._size is None or self._border is None:
                self.is_size_missed = True
                continue
            x, y = _clamp(x, self._size[0]), _clamp(y + height * drop, self._size[1])
            yield row, self._border, x, y, MARGIN * sqrt(max(0.0, width * height))


def _clamp(place: float, length: int) -> float:
    """Returns a place just inside the picture: a box that the picture's edge cuts may end on it or beyond."""
    return min(max(place, EDGE_PIXELS), length - EDGE_PIXELS)


class _RecentConfidences:
    """The confidences of the last seconds, by frame and track: an event comes later than the frame that shows it."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, int, Mapping[tuple[int, int], float]]] = deque()

    def add(self, frames: Frames) -> None:
        if not frames.track_ids or not len(frames.time_offsets):
            return
        placed, confidences = frames.predictions.frames, frames.predictions.confidences
        found: dict[tuple[int, int], float] = {}
        for frame, track_id, confidence in zip(placed, frames.track_ids, confidences, strict=True):
            if track_id is not None:
                key = frames.frame_offsets[frame], track_id
                found[key] = max(found.get(key, 0.0), 1.0 if confidence is None else confidence)
        now, number = frames.time_offsets[-1], frames.first + len(frames.time_offsets)
        self._batches.append((now, number, found))
        while now - self._batches[0][0] > EVENT_DELAY_SECONDS and number - self._batches[0][1] > EVENT_DELAY_FRAMES:
            self._batches.popleft()

    def reaches(self, event: Event, least: float) -> bool:
        """Returns whether the prediction that shows an event has a confidence of at least `least`, or none.

        Without such a prediction, because that frame shows the object as a class that does not count, any of its recent
        ones is enough.
        """
        key = event.frame_offset, event.track_id
        for _, _, found in self._batches:
            if key in found:
                return found[key] >= least
        return any(
            confidence >= least
            for _, _, found in self._batches
            for (_, track_id), confidence in found.items()
            if track_id == event.track_id
        )


@dataclass(slots=True, kw_only=True)
class _Stay:
    """An object in the last sampled frame that shows it.

    Attributes:
        last: When that was: seconds, and the number of the sampled frame.
        since: When its stay began, or None if it is outside.
        crossed_at: When it came to the other side, if that is not certain yet.
        sightings: How many frames have shown it there.
        is_near: Whether it came to this side by staying near the border, and has not been beyond the margin since.
    """

    last: tuple[float, int]
    since: float | None
    crossed_at: float | None = None
    sightings: int = 0
    is_near: bool = False

    def has_ended(self, moment: tuple[float, int]) -> bool:
        """Returns whether its track ended before a sampled frame; the same as in `tracks.py`."""
        return moment[1] - self.last[1] - 1 > LOST_FRAMES and moment[0] - self.last[0] > LOST_SECONDS


class _Visits:
    """The visits of one region, by its events.

    Attributes:
        long: The objects that are inside, and have stayed for long enough.
    """

    def __init__(self, least_seconds: float) -> None:
        self.long: set[int] = set()
        self._least_seconds = least_seconds
        self._entered: dict[int, float] = {}
        self._next: list[tuple[float, int]] = []

    def pass_time(self, now: float) -> Iterator[float]:
        """Yields when objects have stayed for long enough, up to `now`; each is in `long` by then."""
        while self._next and now - self._next[0][0] >= self._least_seconds:
            entered_at, track_id = heapq.heappop(self._next)
            if self._entered.get(track_id) == entered_at:
                self.long.add(track_id)
                yield entered_at + self._least_seconds

    def take(self, event: Event) -> bool:
        """Takes an entry or exit. Returns whether one of `long` has left."""
        if event.kind == "entry":
            self._entered[event.track_id] = event.time_offset
            heapq.heappush(self._next, (event.time_offset, event.track_id))
            return False
        self._entered.pop(event.track_id, None)
        has_left = event.track_id in self.long
        self.long.discard(event.track_id)
        return has_left


class _Stays:
    """How long each object has been present.

    It changes sides as for events: beyond the margin of the border, or by staying on the other side.
    """

    def __init__(self) -> None:
        self._stays: dict[int, _Stay] = {}

    def follow(self, track_id: int | None, place: Whereabouts, moment: tuple[float, int]) -> float:
        """Returns how long an object has stayed at a prediction; -1 if that is outside or has no track.

        Args:
            moment: Seconds, and the number of the sampled frame.
        """
        if track_id is None:
            return -1.0
        seconds, is_inside = moment[0], place in ("inside", "just inside")
        stay = self._stays.get(track_id)
        if stay is None or stay.has_ended(moment):
            stay = self._stays[track_id] = _Stay(last=moment, since=seconds if is_inside else None)
        stay.last = moment
        is_certain = place in ("inside", "outside")
        if is_inside == (stay.since is not None):
            stay.crossed_at = None
            stay.is_near = stay.is_near and not is_certain
        else:
            if stay.crossed_at is None:
                stay.crossed_at, stay.sightings = seconds, 0
            stay.sightings += 1
            if is_certain or (not stay.is_near and has_stayed(seconds - stay.crossed_at, stay.sightings)):
                stay.since, stay.crossed_at = stay.crossed_at if is_inside else None, None
                stay.is_near = not is_certain
        return seconds - stay.since if stay.since is not None and is_inside else -1.0

    def forget(self, moment: tuple[float, int]) -> None:
        """Forgets the objects whose tracks have ended."""
        self._stays = {number: stay for number, stay in self._stays.items() if not stay.has_ended(moment)}
