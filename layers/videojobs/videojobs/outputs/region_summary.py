"""What happened in the regions of a video: counts, occupancy and dwell by region and class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from videojobs.jobs.regions import Region
from videojobs.results.events import Event

_DIGITS = 3
"""Times are rounded to milliseconds, because they are interpolated."""


@dataclass(kw_only=True)
class PolygonSummary:
    """One class in one polygon. Times are those of the results, in seconds.

    Attributes:
        peak: The most objects that were inside at once.
        dwell_seconds_max: The longest visit.
        dwell_seconds_sum: Of all visits that ended. At the end of the video, all have.
        occupied_seconds: How long at least one object was inside.
    """

    entries: int = 0
    exits: int = 0
    peak: int = 0
    peak_at_seconds: float = 0
    dwell_seconds_max: float = 0
    dwell_seconds_sum: float = 0
    occupied_seconds: float = 0
    _occupied_since: float = field(default=0, repr=False, compare=False)

    @property
    def dwell_seconds_mean(self) -> float | None:
        return self.dwell_seconds_sum / self.exits if self.exits else None

    @property
    def counts(self) -> Mapping[str, int]:
        return {"entries": self.entries, "exits": self.exits, "peak": self.peak}

    def add(self, event: Event) -> None:
        """Adds an entry or exit. They are in order of time."""
        if event.kind == "entry":
            if self.entries == self.exits:
                self._occupied_since = event.time_offset
            self.entries += 1
            if self.entries - self.exits > self.peak:
                self.peak, self.peak_at_seconds = self.entries - self.exits, round(event.time_offset, _DIGITS)
            return
        self.exits += 1
        dwell = event.dwell_seconds or 0.0
        self.dwell_seconds_sum += dwell
        self.dwell_seconds_max = max(self.dwell_seconds_max, round(dwell, _DIGITS))
        if self.entries == self.exits:
            self.occupied_seconds += event.time_offset - self._occupied_since

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returned."""
        values = dict(data)
        mean = values.pop("dwell_seconds_mean")
        return cls(**values, dwell_seconds_sum=(mean or 0.0) * values["exits"])

    def to_dict(self) -> dict[str, Any]:
        mean = self.dwell_seconds_mean
        return {
            "entries": self.entries,
            "exits": self.exits,
            "peak": self.peak,
            "peak_at_seconds": self.peak_at_seconds,
            "dwell_seconds_max": self.dwell_seconds_max,
            "dwell_seconds_mean": None if mean is None else round(mean, _DIGITS),
            "occupied_seconds": round(self.occupied_seconds, _DIGITS),
        }


@dataclass(kw_only=True)
class LineSummary:
    """How often one class crossed one line, in each direction."""

    crossed_in: int = 0
    crossed_out: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        return self.to_dict()

    def add(self, event: Event) -> None:
        if event.direction == "in":
            self.crossed_in += 1
        else:
            self.crossed_out += 1

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` returned."""
        return cls(crossed_in=data["in"], crossed_out=data["out"])

    def to_dict(self) -> dict[str, int]:
        return {"in": self.crossed_in, "out": self.crossed_out}


type RegionSummaries = dict[str, dict[str, PolygonSummary | LineSummary]]
"""By the names of region and class. A region without events has no classes."""


def begin_summaries(regions: Sequence[Region]) -> RegionSummaries:
    return {region.name: {} for region in regions}


def add_events(summaries: RegionSummaries, events: Sequence[Event]) -> None:
    """Adds a model's next events. A class without a name is left out."""
    for event in events:
        if event.class_name is not None:
            classes = summaries[event.region]
            if event.class_name not in classes:
                classes[event.class_name] = LineSummary() if event.kind == "crossing" else PolygonSummary()
            classes[event.class_name].add(event)


def read_summaries(data: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> RegionSummaries:
    """Reads what `write_summaries` returned."""
    return {
        region: {
            name: (LineSummary if "in" in entry else PolygonSummary).from_dict(entry) for name, entry in classes.items()
        }
        for region, classes in data.items()
    }


def write_summaries(summaries: RegionSummaries) -> dict[str, Any]:
    """Returns the summaries as plain JSON."""
    return {region: {name: entry.to_dict() for name, entry in classes.items()} for region, classes in summaries.items()}
