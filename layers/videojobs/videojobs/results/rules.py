"""Evaluates the conditions of the option `notify_when` while the results are streamed.

Each model is evaluated on its own, because the models of a file follow one another; a condition holds if it holds for
one of them. A prediction counts for a condition in these steps:

1. It has the class, confidence, place and time of day.
2. Its object has stayed for `min_dwell_seconds`, counting only such predictions.
3. Its sampled frame has at least `min_count` of those.
4. At least `min_tracks` different objects have had one of those.

Memory holds the objects that have not ended, and up to `min_tracks` track IDs per condition.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from videojobs.jobs.notify_when import Combination, Condition, NotifyWhen
from videojobs.jobs.regions import Point, Region
from videojobs.logs import logger
from videojobs.results.predictions import Frames
from videojobs.results.tracks import LOST_FRAMES, LOST_SECONDS

MOMENTS_MAX = 3
"""How many moments an outcome has: the first ones."""

EPISODE_GAP_SECONDS = 5.0
"""Frames in which a condition holds belong to one episode unless more time passes between them."""

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
        """The conditions that held."""
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
        self._region = regions[condition.region] if condition.region is not None else None
        self._has_place = condition.region is not None or condition.line is not None
        self._clock = clock
        self._stays = _Stays()
        self._objects: set[int] = set()
        self._crossings = 0

    def add(self, frames: Frames) -> None:
        """Adds frames, in order of time."""
        if self._condition.min_tracks and self.episodes.times:
            return  # It holds once.
        if self._has_place:
            self._check_sizes(frames)
        if self._condition.line is not None:
            self._add_crossings(frames)
        else:
            self._add_predictions(frames)

    def _check_sizes(self, frames: Frames) -> None:
        sized = [frames.facts[number].size is not None for number in range(len(frames.entries))]
        if not all(sized):
            xs = frames.predictions.columns["x"]
            if any(x is not None and not sized[frame] for x, frame in zip(xs, frames.predictions.frames, strict=True)):
                self.problem = "the results don't have the size of the frames"

    def _add_crossings(self, frames: Frames) -> None:
        wanted = self._condition
        for event in frames.events:
            if event.kind != "crossing" or event.region != wanted.line:
                continue
            if wanted.class_name not in (None, event.class_name) or wanted.direction not in (None, event.direction):
                continue
            if not self._is_hour(event.time_offset) or not self._is_sure(frames, event.frame_offset, event.track_id):
                continue
            self._crossings += 1
            if wanted.min_tracks in (None, self._crossings):
                self.episodes.add(event.time_offset)

    def _is_sure(self, frames: Frames, frame_offset: int, track_id: int) -> bool:
        """Returns whether the prediction that shows a crossing has the confidence."""
        wanted, predictions = self._condition.min_confidence, frames.predictions
        if wanted is None or frames.track_ids is None:
            return wanted is None
        for row, (frame, number) in enumerate(zip(predictions.frames, frames.track_ids, strict=True)):
            if number == track_id and frames.frame_offsets[frame] == frame_offset:
                confidence = predictions.confidences[row]
                return confidence is None or confidence >= wanted
        return False

    def _add_predictions(self, frames: Frames) -> None:
        rows: Iterable[int] = self._select(frames)
        placed, times = frames.predictions.frames, frames.time_offsets
        track_ids = frames.track_ids or [None] * len(placed)
        if (least := self._condition.min_dwell_seconds) is not None:
            rows = [
                row
                for row in rows
                if self._stays.follow(track_ids[row], times[placed[row]], frames.first + placed[row]) >= least
            ]
            if len(times):
                self._stays.forget(times[-1], frames.first + len(times) - 1)
        rows = list(rows)
        counts = Counter(placed[row] for row in rows)
        least_count = self._condition.min_count or 1
        if self._condition.min_tracks is None:
            for number, count in counts.items():
                if count >= least_count:
                    self.episodes.add_frame(times[number], frames.first + number)
            return
        for row in rows:
            if counts[placed[row]] >= least_count and (track_id := track_ids[row]) is not None:
                self._objects.add(track_id)
                if len(self._objects) >= self._condition.min_tracks:
                    self.episodes.add(times[placed[row]])
                    self._objects.clear()
                    return

    def _select(self, frames: Frames) -> Sequence[int]:
        """Returns the predictions with the class, confidence, place and time of day, by row."""
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
        if self._region is not None and rows:
            rows = [row for row in rows if self._region.counts(names[row]) and self._is_inside(frames, row)]
        return rows

    def _is_hour(self, seconds: float) -> bool:
        if self._condition.hours is None:
            return True
        moment = self._clock(seconds)
        if moment is None:
            self.problem = "nothing says when the video was recorded"
            return False
        return self._condition.hours.include(moment)

    def _is_inside(self, frames: Frames, row: int) -> bool:
        region, columns = self._region, frames.predictions.columns
        size = frames.facts[frames.predictions.frames[row]].size
        x, y, height = (columns[name][row] for name in ("x", "y", "height"))
        if region is None or size is None or x is None or y is None:
            return False
        if region.anchor == "bottom-center":
            y += (height or 0) / 2
        return contains(region.points, _clamp(x / size[0]), _clamp(y / size[1]))


class _Stays:
    """How long each object has been present without a gap that ends its track."""

    def __init__(self) -> None:
        self._stays: dict[int, tuple[float, float, int]] = {}

    def follow(self, track_id: int | None, seconds: float, frame: int) -> float:
        """Returns how long the object has stayed at a prediction of it; -1 for a prediction without a track."""
        if track_id is None:
            return -1.0
        since = seconds
        if (stay := self._stays.get(track_id)) and not _has_ended(stay, seconds, frame):
            since = stay[0]
        self._stays[track_id] = since, seconds, frame
        return seconds - since

    def forget(self, seconds: float, frame: int) -> None:
        """Forgets the stays that have ended."""
        self._stays = {number: stay for number, stay in self._stays.items() if not _has_ended(stay, seconds, frame)}


def _has_ended(stay: tuple[float, float, int], seconds: float, frame: int) -> bool:
    _, last_seconds, last_frame = stay
    return frame - last_frame - 1 > LOST_FRAMES and seconds - last_seconds > LOST_SECONDS


def _clamp(share: float) -> float:
    """Returns a share of the frame just inside it: a box that the frame's edge cuts may end on it or beyond."""
    return min(max(share, 0.0), 1 - 1e-9)


def contains(polygon: Sequence[Point], x: float, y: float) -> bool:
    """Returns whether a point is inside a polygon, by the number of sides to the right of it."""
    is_inside = False
    x1, y1 = polygon[-1]
    for x2, y2 in polygon:
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            is_inside = not is_inside
        x1, y1 = x2, y2
    return is_inside
