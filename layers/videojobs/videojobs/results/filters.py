"""Which predictions count: the options `classes` and `min_confidence`."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import accumulate, compress, pairwise

from videojobs.jobs.options import OTHER_CLASSES
from videojobs.results.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class PredictionFilter:
    """Selects the predictions that count in everything but `results.json`.

    Attributes:
        classes: The names of the classes that count; empty for all.
        min_confidence: By class, or `*` for the others, the lowest confidence that counts. A prediction without a
            confidence counts.
    """

    classes: Set[str] = frozenset()
    min_confidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_set(self) -> bool:
        """Whether there may be predictions that don't count."""
        return bool(self.classes or self.min_confidence)

    def select(self, predictions: Predictions) -> Sequence[bool]:
        """Returns whether each prediction counts."""
        names = predictions.columns["class"]
        selected = [name in self.classes for name in names] if self.classes else [True] * len(names)
        if not self.min_confidence:
            return selected
        others = self.min_confidence.get(OTHER_CLASSES, 0.0)
        find_least = self.min_confidence.get
        return [
            is_selected and (confidence is None or confidence >= find_least(name, others))
            for is_selected, name, confidence in zip(selected, names, predictions.confidences, strict=True)
        ]


def keep_selected(predictions: Predictions, selected: Sequence[bool]) -> Predictions:
    """Returns the predictions for which `selected` is true."""
    nulls = [None] * sum(selected)
    places = list(accumulate(selected, initial=0))
    ends = accumulate(predictions.counts, initial=0)
    return Predictions(
        counts=[places[end] - places[start] for start, end in pairwise(ends)],
        columns={
            name: nulls if name in predictions.absent else list(compress(values, selected))
            for name, values in predictions.columns.items()
        },
        absent=predictions.absent,
        extra=nulls if "extra" in predictions.absent else list(compress(predictions.extra, selected)),
        others={places[number]: values for number, values in predictions.others.items() if selected[number]},
    )
