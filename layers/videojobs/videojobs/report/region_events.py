"""The events of regions for the report: all are counted, and the first ones listed, in constant memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from videojobs.jobs.regions import Region
from videojobs.results.events import Event
from videojobs.results.predictions import Frames
from videojobs.results.sightings import show_name

LISTED_MAX = 5000
"""As JSON, 300 kB."""


class RegionEvents:
    """Collects what happened in each region."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = {region.name: _RegionPart(number, region) for number, region in enumerate(regions)}
        self._rows: list[Sequence[Any]] = []
        self._total = 0
        self._is_complete = True

    def add(self, frames: Frames, start_offset: float) -> None:
        """Adds the frames' events.

        Args:
            start_offset: Seconds from the player's 0 to the first frame.
        """
        self._is_complete = self._is_complete and frames.events_failure is None
        for event in frames.events:
            region = self._regions[event.region]
            seconds = round(event.time_offset + start_offset, 3)
            region.count(event, seconds)
            self._total += 1
            if len(self._rows) < LISTED_MAX:
                self._rows.append(_to_row(region.number, event, seconds))

    def to_dict(self) -> Mapping[str, Any]:
        """Returns what the page reads.

        A row is [region's number, kind, seconds, track, class, dwell, whether it was seen at the border]; the kind of a
        crossing is its direction. Without `is_complete`, events are missing because they can't be detected.
        """
        return {
            "regions": [region.to_dict() for region in self._regions.values()],
            "events": {"total": self._total, "rows": self._rows, "is_complete": self._is_complete},
        }


class _RegionPart:
    def __init__(self, number: int, region: Region) -> None:
        self.number = number
        self._region = region
        self._counts = dict.fromkeys(("in", "out") if region.is_line else ("entry", "exit"), 0)
        self._longest: Mapping[str, float] | None = None

    def count(self, event: Event, seconds: float) -> None:
        self._counts[event.direction or event.kind] += 1
        dwell = event.dwell_seconds
        if dwell is not None and (self._longest is None or dwell > self._longest["dwell"]):
            self._longest = {"dwell": round(dwell, 3), "time": round(seconds - dwell, 3)}

    def to_dict(self) -> Mapping[str, Any]:
        return {
            "name": self._region.name,
            "is_line": self._region.is_line,
            "points": self._region.points,
            "counts": self._counts,
            "longest": self._longest,
        }


def _to_row(region: int, event: Event, seconds: float) -> Sequence[Any]:
    name = None if event.class_name is None else show_name(event.class_name)
    dwell = None if event.dwell_seconds is None else round(event.dwell_seconds, 3)
    return [region, event.direction or event.kind, seconds, event.track_id, name, dwell, event.at_border]
