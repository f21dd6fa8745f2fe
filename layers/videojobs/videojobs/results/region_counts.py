"""Running counts: what has happened in each region up to a sampled frame."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from videojobs.jobs.options import Options
from videojobs.jobs.regions import Region
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import read_pieces
from videojobs.results.derivation import derive
from videojobs.results.events import Event
from videojobs.results.predictions import Frames


class RegionCounts:
    """Counts the events of all models. An `Output`, which needs 8 bytes per event.

    Events of a sampled frame arrive some frames later. So all are collected before the first count is asked for.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = regions
        # Frame numbers of entries or crossings in, and of exits or crossings out.
        self._increases = {region.name: array("q") for region in regions}
        self._decreases = {region.name: array("q") for region in regions}
        self._is_complete = True

    def add(self, frames: Frames) -> None:
        self._is_complete = self._is_complete and frames.events_failure is None
        for event in frames.events:
            is_increase = event.kind == "entry" or event.direction == "in"
            changes = self._increases if is_increase else self._decreases
            changes[event.region].append(_find_frame(event))

    def finish(self) -> None:
        for changes in (self._increases, self._decreases):
            for name, numbers in changes.items():
                changes[name] = array("q", sorted(numbers))

    def describe(self, region: Region, frame_offset: int) -> str:
        """Returns a region's name and counts in a sampled frame, or only its name if events can't be detected.

        For a polygon, it is the number of objects that are inside; for a line, those of crossings so far.
        """
        if not self._is_complete:
            return region.name
        more, fewer = (
            bisect_right(changes[region.name], frame_offset) for changes in (self._increases, self._decreases)
        )
        return f"{region.name}: {more} in, {fewer} out" if region.is_line else f"{region.name}: {more - fewer} inside"


def _find_frame(event: Event) -> int:
    """Returns the number of the first frame after the event.

    The frame of an exit without crossing the border still shows the object inside.
    """
    return event.frame_offset + (event.kind == "exit" and not event.at_border)


def count_regions(results: Path, options: Options) -> RegionCounts | None:
    """Reads a results file, and returns the counts in the regions of a job's options; None if it has no regions.

    The events are those of the delivery.

    Raises:
        BrokenResults: The file breaks the contract; says where.
    """
    if not options.regions:
        return None
    counts = RegionCounts(options.regions)
    derive(_read(results), options.models, [counts], lambda: _read(results), analysis=Analysis.of(options))
    return counts


def _read(results: Path) -> Iterator[bytes]:
    with results.open("rb") as file:
        yield from read_pieces(file)
