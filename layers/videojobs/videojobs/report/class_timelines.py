"""Timelines: when each class is on screen, how many at once, and at which confidence, in constant memory."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from videojobs.drawing.look import pick_color, pick_ink
from videojobs.results.sightings import show_name

BINS_MAX = 1024
"""An even number: if a video needs more bins, each two of them are merged."""

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""The numbers of simultaneous predictions that a bin distinguishes."""

CLASSES_MAX = 1000
OTHER_CLASSES = "(other classes)"
"""The class that stands for all further classes of a model."""


class ClassTimeline:
    """One class: how often it was found, at each confidence, and when.

    Attributes:
        found: The number of predictions, by percent of confidence.
        frames: The number of frames, by percent of the surest prediction in them.
        bins: By bin, for each of COUNTS the highest percent at which a frame has that many predictions. With it, the
            page shows how many there are at any confidence, without reading the predictions.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.found = [0] * 101
        self.frames = [0] * 101
        self.bins: dict[int, list[int]] = {}

    def add(self, bin_number: int, percents: Sequence[int]) -> None:
        """Adds one frame's predictions, as percents of confidence, the surest first."""
        for percent in percents:
            self.found[percent] += 1
        self.frames[percents[0]] += 1
        seen = [percents[count - 1] for count in COUNTS[: bisect_right(COUNTS, len(percents))]]
        self._merge(bin_number, seen)

    def halve(self) -> None:
        """Merges each two bins."""
        bins, self.bins = self.bins, {}
        for bin_number, seen in bins.items():
            self._merge(bin_number // 2, seen)

    def to_dict(self, bins: int) -> dict[str, Any]:
        """Returns it as the page reads it: `found` and `frames` as [percent, count, …], a list per bin, 0 if empty."""
        return {
            "name": show_name(self.name),
            "found": list(_to_pairs(self.found)),
            "frames": list(_to_pairs(self.frames)),
            "bins": [self.bins.get(number, 0) for number in range(bins)],
        }

    def _merge(self, bin_number: int, seen: list[int]) -> None:
        present = self.bins.get(bin_number)
        if present is None:
            self.bins[bin_number] = seen
        else:
            merged = list(map(max, present, seen))
            self.bins[bin_number] = merged + present[len(merged) :] + seen[len(merged) :]


def _to_pairs(histogram: Sequence[int]) -> Iterator[int]:
    for percent, count in enumerate(histogram):
        if count:
            yield from (percent, count)


class ModelTimelines:
    """The timelines of one model's classes, in bins of equally many sampled frames."""

    def __init__(self) -> None:
        self.classes: list[ClassTimeline] = []
        self._numbers: dict[str, int] = {}
        self._starts: list[float] = []
        self._frames_per_bin = 1
        self._frames = 0

    def number_class(self, name: str) -> int:
        """Returns the number of a class, and adds the class if it is new."""
        number = self._numbers.get(name)
        if number is None:
            name = name if len(self.classes) < CLASSES_MAX else OTHER_CLASSES
            number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.classes)
            self.classes.append(ClassTimeline(name))
        return number

    def add(self, seconds: float, class_numbers: Sequence[int], percents: Sequence[int]) -> None:
        """Adds the next sampled frame; with the class and the percent of confidence of each of its marks."""
        bin_number = self._open_bin(seconds)
        by_class: dict[int, list[int]] = {}
        for number, percent in zip(class_numbers, percents, strict=True):
            by_class.setdefault(number, []).append(percent)
        for number, of_class in by_class.items():
            of_class.sort(reverse=True)
            self.classes[number].add(bin_number, of_class)

    def to_dict(self, model: int = 0, models: int = 1) -> dict[str, Any]:
        """Returns it as the page reads it: when bins start, in seconds, and the classes in order of their numbers.

        Args:
            model: The model's number, of so many `models`, for the colors of its classes.
        """
        colors = [pick_color(number, model, models) for number in range(len(self.classes))]
        classes = [
            {**entry.to_dict(len(self._starts)), "color": color, "ink": pick_ink(color)}
            for entry, color in zip(self.classes, colors, strict=True)
        ]
        return {"starts": self._starts, "classes": classes}

    def _open_bin(self, seconds: float) -> int:
        if self._frames == BINS_MAX * self._frames_per_bin:
            self._frames_per_bin *= 2
            self._starts = self._starts[::2]
            for entry in self.classes:
                entry.halve()
        bin_number = self._frames // self._frames_per_bin
        if bin_number == len(self._starts):
            self._starts.append(seconds)
        self._frames += 1
        return bin_number
