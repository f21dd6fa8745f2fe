"""The summary: counts, times and confidences by model and class, and what happened in each region."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any, Self

from videojobs.jobs.options import Model
from videojobs.jobs.regions import Region
from videojobs.outputs.region_summary import (
    RegionSummaries,
    add_events,
    begin_summaries,
    read_summaries,
    write_summaries,
)
from videojobs.results.doubts import ModelFindings, doubt_boxes, doubt_classes, doubt_failures, doubt_unread
from videojobs.results.predictions import Frames, Predictions
from videojobs.results.rules import Rules, RulesOutcome
from videojobs.results.sightings import Sightings
from videojobs.results.tracking import count_objects

COUNTS_MAX_BYTES = 100_000
"""Maximum size, as JSON, of the counts in the ledger and in the event of a job's end. An item may have 400 KB and an
event 256 KB, and both contain more than counts.
"""

REGION_COUNTS_MAX_BYTES = 50_000
"""The same for the counts of events in regions."""

COUNT_NAME_MAX_CHARACTERS = 1_000
"""DynamoDB accepts neither empty names nor names above 64 KB."""

COUNT_BYTES = 24
"""Room for a number of any length and JSON's punctuation."""

REGION_COUNT_BYTES = 100
"""The same for the numbers of one region and class with their names."""


@dataclass(kw_only=True)
class ClassSummary(Sightings):
    """One class of one model. Predictions without a confidence from 0 to 1 are left out of the mean.

    Attributes:
        count: Predictions.
    """

    count: int = 0
    confidences: int = 0
    confidence_sum: float = 0

    @property
    def mean_confidence(self) -> float | None:
        return self.confidence_sum / self.confidences if self.confidences else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returned."""
        values = dict(data)
        mean = values.pop("mean_confidence")
        return cls(**values, confidences=0 if mean is None else 1, confidence_sum=mean or 0.0)

    def to_dict(self) -> dict[str, Any]:
        names = (it.name for it in fields(Sightings) if not it.name.startswith("_"))
        mean = self.mean_confidence
        return {
            "count": self.count,
            **{name: getattr(self, name) for name in names},
            "mean_confidence": None if mean is None else round(mean, 4),
        }


@dataclass(kw_only=True)
class ModelSummary:
    """The frames and predictions of one model.

    Attributes:
        unread_frames: Those whose results have an unknown form: the model's type is not a documented one.
        regions: What happened in each region; empty without regions, or if events could not be detected.
    """

    frames: int = 0
    failed_frames: int = 0
    unread_frames: int = 0
    embeddings: int = 0
    predictions: int = 0
    classes: dict[str, ClassSummary] = field(default_factory=dict)
    regions: RegionSummaries = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returned."""
        values = {name: data[name] for name in ("frames", "failed_frames", "predictions", "embeddings")}
        classes = {name: ClassSummary.from_dict(entry) for name, entry in data["classes"].items()}
        regions = read_summaries(data.get("regions", {}))
        return cls(**values, unread_frames=data.get("unread_frames", 0), classes=classes, regions=regions)

    @property
    def failed_share(self) -> float:
        return self.failed_frames / self.frames if self.frames else 0.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found, although the model did not fail on all frames."""
        has_worked = self.failed_frames < self.frames or not self.frames
        return has_worked and not (self.classes or self.embeddings or self.unread_frames)

    def most_common(self) -> list[tuple[str, ClassSummary]]:
        """Returns the classes, the most frequent first."""
        return sorted(self.classes.items(), key=lambda item: -item[1].count)

    def to_dict(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "failed_frames": self.failed_frames,
            "failed_share": round(self.failed_share, 6),
            **({"unread_frames": self.unread_frames} if self.unread_frames else {}),
            "predictions": self.predictions,
            "embeddings": self.embeddings,
            "classes": {name: entry.to_dict() for name, entry in self.most_common()},
            **({"regions": write_summaries(self.regions)} if self.regions else {}),
        }


class Summary:
    """The output that every job has. It keeps only sums, so memory grows only with the number of classes.

    Attributes:
        rules: What came of `notify_when`, once it is finished; None without conditions.
    """

    def __init__(self, models: Sequence[Model], rules: Rules | None = None, *, regions: Sequence[Region] = ()) -> None:
        self.models = {model.model_id: ModelSummary(regions=begin_summaries(regions)) for model in models}
        self.rules: RulesOutcome | None = None
        self._asked = models
        self._evaluated = rules
        self._other_classes: set[str] = set()

    @classmethod
    def from_dict(cls, models: Mapping[str, Mapping[str, Any]], rules: Mapping[str, Any] | None = None) -> Self:
        """Returns the summary of models from `ModelSummary.to_dict`, and of rules from `RulesOutcome.to_dict`."""
        summary = cls(())
        summary.rules = RulesOutcome.from_dict(rules) if rules else None
        summary.models = {model_id: ModelSummary.from_dict(model) for model_id, model in models.items()}
        return summary

    def add(self, frames: Frames) -> None:
        model = self.models[frames.model_id]
        predictions = frames.predictions
        model.frames += len(frames.entries)
        model.failed_frames += sum(frames.failures)
        model.unread_frames += sum(frames.unread)
        model.predictions += len(predictions)
        model.embeddings += sum(facts.is_embedding for facts in frames.facts)
        self._add_classes(model, frames)
        if frames.events_failure is not None:
            for each in self.models.values():
                each.regions = {}
        elif model.regions:
            add_events(model.regions, frames.events)
        if self._evaluated:
            self._evaluated.add(frames)
            self._other_classes |= frames.other_classes

    def _add_classes(self, model: ModelSummary, frames: Frames) -> None:
        predictions = frames.predictions
        names, track_ids = iter(predictions.columns["class"]), iter(frames.track_ids or ())
        for frame, (time_offset, rows, counts) in enumerate(
            zip(frames.time_offsets, predictions.counts, predictions.class_counts, strict=True), frames.first
        ):
            objects = _count_objects(list(islice(names, rows)), list(islice(track_ids, rows)), counts)
            for name, count in counts.items():
                if name is not None:
                    entry = model.classes.get(name)
                    if entry is None:
                        entry = model.classes[name] = ClassSummary()
                    entry.count += count
                    entry.see(frame, time_offset, objects[name])
        for name, confidences in _group(predictions).items():
            entry = model.classes[name]
            entry.confidences += len(confidences)
            entry.confidence_sum += sum(confidences)
        if frames.track_ids is not None:
            for name, track_id in set(zip(predictions.columns["class"], frames.track_ids, strict=True)):
                if name is not None:
                    model.classes[name].follow(track_id)

    def finish(self) -> None:
        if self._evaluated and (outcome := self._evaluated.conclude()):
            summaries = ((asked, self.models[asked.model_id]) for asked in self._asked)
            each = [ModelFindings(asked, it.frames, it.failed_frames, it.classes) for asked, it in summaries]
            outcome = doubt_failures(outcome, self._evaluated.notify_when, each)
            for model_id, model in self.models.items():
                outcome = doubt_unread(outcome, model_id, model.unread_frames)
            outcome = doubt_boxes(outcome, self._evaluated.notify_when, self._asked)
            found = self._other_classes.union(*(model.classes for model in self.models.values()))
            self.rules = doubt_classes(outcome, self._evaluated.notify_when, found)

    @property
    def frames(self) -> int:
        """The number of sampled frames, which is the same for all models."""
        return max((model.frames for model in self.models.values()), default=0)

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Predictions by model and class, the most frequent class first."""
        return {
            model_id: {name: entry.count for name, entry in model.most_common()}
            for model_id, model in self.models.items()
        }

    @property
    def region_counts(self) -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]:
        """The numbers of events by model, region and class; without regions that have none."""
        return {
            model_id: {
                region: {name: entry.counts for name, entry in classes.items()}
                for region, classes in model.regions.items()
                if classes
            }
            for model_id, model in self.models.items()
        }

    @property
    def has_regions(self) -> bool:
        """Whether events were looked for and could be detected."""
        return any(model.regions for model in self.models.values())

    @property
    def failed_frames(self) -> Mapping[str, int]:
        return {model_id: model.failed_frames for model_id, model in self.models.items()}


def cap_counts(
    counts: Mapping[str, Mapping[str, int]], max_bytes: int = COUNTS_MAX_BYTES
) -> tuple[Mapping[str, Mapping[str, int]], int]:
    """Returns the counts of the most frequent classes, and how many classes are left out."""
    capped: dict[str, dict[str, int]] = {model_id: {} for model_id in counts}
    every = [(count, model_id, name) for model_id, by_class in counts.items() for name, count in by_class.items()]
    used = omitted = 0
    for count, model_id, name in sorted(every, key=lambda entry: -entry[0]):
        size = len(json.dumps(name)) + COUNT_BYTES
        if used + size > max_bytes or not 0 < len(name) <= COUNT_NAME_MAX_CHARACTERS:
            omitted += 1
            continue
        used += size
        capped[model_id][name] = count
    return capped, omitted


def cap_region_counts(
    counts: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]], max_bytes: int = REGION_COUNTS_MAX_BYTES
) -> tuple[Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]], int]:
    """Returns the counts of the classes with the most events, and how many counts of a region's class are left out."""
    capped: dict[str, dict[str, dict[str, Mapping[str, int]]]] = {model_id: {} for model_id in counts}
    every = [
        (model_id, region, name, entry)
        for model_id, regions in counts.items()
        for region, classes in regions.items()
        for name, entry in classes.items()
    ]
    used = omitted = 0
    for model_id, region, name, entry in sorted(every, key=lambda one: -sum(one[3].values())):
        size = len(json.dumps(region)) + len(json.dumps(name)) + REGION_COUNT_BYTES
        if used + size > max_bytes or not 0 < len(name) <= COUNT_NAME_MAX_CHARACTERS:
            omitted += 1
            continue
        used += size
        capped[model_id].setdefault(region, {})[name] = entry
    return capped, omitted


def _count_objects(
    names: Sequence[str | None], track_ids: Sequence[int | None], counts: Mapping[str | None, int]
) -> Mapping[str | None, int]:
    """Returns the number of objects by class in one frame, whose predictions have these classes and track IDs."""
    if len(set(track_ids)) == len(track_ids):
        return counts
    by_class: defaultdict[str | None, list[int | None]] = defaultdict(list)
    for name, track_id in zip(names, track_ids, strict=True):
        by_class[name].append(track_id)
    return {name: count_objects(ids) for name, ids in by_class.items()}


def _group(predictions: Predictions) -> Mapping[str, Sequence[float]]:
    """Returns the confidences by class, without predictions that lack either."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for name, confidence in zip(predictions.columns["class"], predictions.confidences, strict=True):
        if confidence is not None and name is not None:
            groups[name].append(confidence)
    return groups
