"""The summary: what was found when, and how surely, model by model and class by class."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

from videojobs.jobs.options import Model
from videojobs.results.predictions import Frames, Predictions

COUNTS_MAX_BYTES = 100_000
"""Of the counts in the ledger and in the event of a job's end, written as JSON. An item may have 400 KB and an event
256 KB, and both hold more than counts.
"""

COUNT_NAME_MAX_CHARACTERS = 1_000
"""DynamoDB takes no empty name, and none of more than 64 KB."""

COUNT_BYTES = 24
"""A number of any length, and what stands between it and its neighbours."""


@dataclass(kw_only=True)
class ClassSummary:
    """One class of one model. Times are seconds; a prediction without a confidence counts for the mean as none."""

    count: int = 0
    frames: int = 0
    first_seen: float = 0
    last_seen: float = 0
    peak: int = 0
    peak_at: float = 0
    confidences: int = 0
    confidence_sum: float = 0

    def add(self, time_offset: float, count: int) -> None:
        """Counts one frame that it is in."""
        if not self.frames:
            self.first_seen = time_offset
        self.frames += 1
        self.last_seen = time_offset
        self.count += count
        if count > self.peak:
            self.peak, self.peak_at = count, time_offset

    @property
    def mean_confidence(self) -> float | None:
        """None also where the confidences are too large to be summed up."""
        mean = self.confidence_sum / self.confidences if self.confidences else math.nan
        return mean if math.isfinite(mean) else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """As `to_dict` gives it."""
        mean = data["mean_confidence"]
        return cls(
            count=data["count"],
            frames=data["frames"],
            first_seen=data["first_seen_seconds"],
            last_seen=data["last_seen_seconds"],
            peak=data["peak"],
            peak_at=data["peak_at_seconds"],
            confidences=0 if mean is None else 1,
            confidence_sum=mean or 0.0,
        )

    def to_dict(self) -> dict[str, Any]:
        mean = self.mean_confidence
        return {
            "count": self.count,
            "frames": self.frames,
            "first_seen_seconds": self.first_seen,
            "last_seen_seconds": self.last_seen,
            "peak": self.peak,
            "peak_at_seconds": self.peak_at,
            "mean_confidence": None if mean is None else round(mean, 4),
        }


@dataclass(kw_only=True)
class ModelSummary:
    """What one model did and found."""

    frames: int = 0
    failed_frames: int = 0
    embeddings: int = 0
    predictions: int = 0
    classes: dict[str, ClassSummary] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """As `to_dict` gives it."""
        classes = {name: ClassSummary.from_dict(entry) for name, entry in data["classes"].items()}
        return cls(
            frames=data["frames"],
            failed_frames=data["failed_frames"],
            embeddings=data["embeddings"],
            predictions=data["predictions"],
            classes=classes,
        )

    @property
    def failed_share(self) -> float:
        return self.failed_frames / self.frames if self.frames else 0.0

    def most_common(self) -> list[tuple[str, ClassSummary]]:
        """The classes, the most frequent first."""
        return sorted(self.classes.items(), key=lambda item: -item[1].count)

    def to_dict(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "failed_frames": self.failed_frames,
            "failed_share": round(self.failed_share, 6),
            "predictions": self.predictions,
            "embeddings": self.embeddings,
            "classes": {name: entry.to_dict() for name, entry in self.most_common()},
        }


class Summary:
    """An output that keeps nothing but sums; memory grows with the number of classes alone."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = {model.model_id: ModelSummary() for model in models}

    @classmethod
    def from_dict(cls, models: Mapping[str, Mapping[str, Any]]) -> Self:
        """The summary whose models' `to_dict` gave these."""
        summary = cls(())
        summary.models = {model_id: ModelSummary.from_dict(model) for model_id, model in models.items()}
        return summary

    def add(self, frames: Frames) -> None:
        model = self.models[frames.model_id]
        predictions = frames.predictions
        model.frames += len(frames.entries)
        model.failed_frames += frames.entries.count(None)
        model.predictions += len(predictions)
        model.embeddings += sum(facts.is_embedding for facts in frames.facts)
        names = iter(predictions.columns["class"])
        for time_offset, rows in zip(frames.time_offsets, predictions.counts, strict=True):
            for name, count in Counter(islice(names, rows)).items():
                if name is not None:
                    entry = model.classes.get(name)
                    if entry is None:
                        entry = model.classes[name] = ClassSummary()
                    entry.add(time_offset, count)
        for name, confidences in _group(predictions).items():
            entry = model.classes[name]
            entry.confidences += len(confidences)
            entry.confidence_sum += sum(confidences)

    def finish(self) -> None:
        """There is nothing left to do."""

    @property
    def frames(self) -> int:
        """Sampled frames; all models have the same."""
        return max((model.frames for model in self.models.values()), default=0)

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Predictions by model and class, the most frequent class first."""
        return {
            model_id: {name: entry.count for name, entry in model.most_common()}
            for model_id, model in self.models.items()
        }

    @property
    def failed_frames(self) -> Mapping[str, int]:
        return {model_id: model.failed_frames for model_id, model in self.models.items()}


def cap_counts(
    counts: Mapping[str, Mapping[str, int]], max_bytes: int = COUNTS_MAX_BYTES
) -> tuple[Mapping[str, Mapping[str, int]], int]:
    """The counts of the most frequent classes, and how many classes are left out."""
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


def _group(predictions: Predictions) -> Mapping[str, Sequence[float]]:
    """The confidences of each class, of those predictions that have both."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for name, confidence in zip(predictions.columns["class"], predictions.columns["confidence"], strict=True):
        if confidence is not None and name is not None:
            groups[name].append(confidence)
    return groups
