"""Sightings: when a class was seen and how many at once, and the one sentence that says so everywhere.

>>> describe_sightings("person", sightings, show_time)
'person: 7 visits, up to 2 at once, 0:05 to 0:37'
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from videojobs.foreign_text import printable
from videojobs.results.track_counts import TrackSet
from videojobs.results.tracks import LOST_FRAMES, LOST_SECONDS

NAME_MAX_CHARACTERS = 100

_LOST_FRAMES = LOST_FRAMES + 1

type ShowTime = Callable[[float], str]
"""Returns a time of the results, in seconds, as people read it."""


@dataclass(kw_only=True)
class Sightings:
    """The sightings of one class of one model, from frames in order of time, in bounded memory.

    Attributes:
        frames: The number of sampled frames with the class.
        peak: The most objects in one frame.
        appearances: How often it came into view. It is out of view after as long as a track ends.
        tracks: Distinct objects, or None without tracking.
    """

    frames: int = 0
    first_seen_seconds: float = 0
    last_seen_seconds: float = 0
    peak: int = 0
    peak_at_seconds: float = 0
    appearances: int = 0
    tracks: int | None = None
    _last_frame: int = field(default=0, repr=False, compare=False)
    _track_ids: TrackSet = field(default_factory=TrackSet, repr=False, compare=False)

    def see(self, frame: int, seconds: float, objects: int) -> None:
        """Adds a sampled frame, by its number, with at least one object of the class."""
        if not self.frames:
            self.first_seen_seconds, self.appearances = seconds, 1
        elif frame - self._last_frame > _LOST_FRAMES and seconds - self.last_seen_seconds > LOST_SECONDS:
            self.appearances += 1
        self.frames += 1
        self.last_seen_seconds = seconds
        self._last_frame = frame
        if objects > self.peak:
            self.peak, self.peak_at_seconds = objects, seconds

    def follow(self, track_id: int | None) -> None:
        """Adds the track of a prediction, or None if it has no track, of a model whose objects are tracked."""
        self.tracks = (self.tracks or 0) + (track_id is not None and self._track_ids.add(track_id))


def describe_sightings(name: str, sightings: Sightings, show_time: ShowTime) -> str:
    """Returns what was seen of a class, in one line: `bottle: up to 3 at once, 0:00 to 0:39`.

    Tracks count as visits if they were not all there at once. Names are foreign text in any language, so they are never
    inflected.
    """
    first, last = show_time(sightings.first_seen_seconds), show_time(sightings.last_seen_seconds)
    facts = [
        _count_visits(sightings),
        f"up to {sightings.peak:,} at once" if sightings.peak > 1 else "",
        f"at {first}" if first == last else f"{first} to {last}",
    ]
    return f"{show_name(name)}: {', '.join(filter(None, facts))}"


def describe_shortly(name: str, sightings: Sightings) -> str:
    """Returns the same without times, for a subject: `bottle 3 at once`, `person 7x`."""
    visits = _find_visits(sightings)
    if visits > sightings.peak:
        return f"{show_name(name)} {visits:,}x"
    return f"{show_name(name)} {sightings.peak:,} at once" if sightings.peak > 1 else show_name(name)


def show_name(name: str) -> str:
    """Returns the name of a class, a model or a region on one line, with single spaces."""
    return printable(" ".join(name.split()), NAME_MAX_CHARACTERS) or "(no name)"


def show_count(number: int, one: str, many: str) -> str:
    """Returns a number with a noun: `1 visit`, `1,200 visits`."""
    return f"{number:,} {one if number == 1 else many}"


def _count_visits(sightings: Sightings) -> str:
    visits = _find_visits(sightings)
    if visits <= 1 or (sightings.tracks and visits <= sightings.peak):
        return ""
    return f"{visits:,} visits" if sightings.tracks else f"seen {visits:,} times"


def _find_visits(sightings: Sightings) -> int:
    return sightings.tracks or sightings.appearances
