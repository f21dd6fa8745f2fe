"""Follows the paths of tracked objects, and finds where they enter and leave polygons and cross lines.

Between two sampled frames, an object is assumed to move straight and at a constant speed. So it may cross a line, or
pass through a whole polygon, between two frames.

Boxes tremble from frame to frame. So an object has changed the side of a border only once it is farther than `MARGIN`
beyond it, or has stayed beyond it for long enough. The event is where and when its path crossed the border before that.

A visit of a polygon has the class of most of the frames that show it, up to when it is known for certain. Its entry and
its exit have this class.

Memory holds only the objects that were seen within the last seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt

from videojobs.jobs.regions import Anchor, Direction, Point, Region
from videojobs.results.borders import EDGE_PIXELS, Border, make_border
from videojobs.results.events import Event, EventKind
from videojobs.results.tracks import LOST_FRAMES, LOST_SECONDS

MARGIN = 0.15
"""In sizes of the object's box, which is the square root of its area."""

STAY_SECONDS, STAY_SIGHTINGS = 3.0, 10
"""An object that is seen nearer to the border for this time and in so many frames, without coming back, has crossed it.

A box that trembles around the border is on either side by chance: it is seen 10 times in a row on the other side once
in about 2,000 frames. 3 seconds are for more frames per second, where boxes that follow each other tremble alike.
"""

ENDS_SECONDS = 1.0
"""How often tracks that have ended are removed."""

VOTES_MAX = 2
"""In so many frames in a row, another class is not believed: models confuse classes."""

type Size = tuple[int, int]
"""A picture's width and height, in pixels."""

type Row = tuple[int, str | None, float, float, float, float]
"""A prediction: track ID, class, x and y of the box's center, width, height."""

type FoundEvent = tuple[float, int, int, int, Event]
"""An event, after what it is ordered by: time, track ID, number of the region, number of the event."""


@dataclass(frozen=True, slots=True)
class FrameTime:
    """Its time, its number in the video, and its number among the sampled frames."""

    seconds: float
    frame_offset: int
    number: int


def has_stayed(seconds: float, sightings: int) -> bool:
    """Returns whether an object is for certain on the side on which it has been seen for so long and so often."""
    return seconds >= STAY_SECONDS and sightings >= STAY_SIGHTINGS


@dataclass(slots=True, kw_only=True)
class _Change:
    """Where and when the path of an object left the side on which the object was for certain.

    Attributes:
        is_entered: Whether it crossed the border there: not if it went around the end of a line.
        seen_at: When a frame first showed it on the other side, in seconds.
        sightings: How many frames have shown it there.
        votes: In how many of them, and of those just before, it had each class.
    """

    frame: FrameTime
    place: Point
    is_entered: bool
    seen_at: float
    votes: dict[str | None, int]
    sightings: int = 0

    def see(self, frame: FrameTime, class_name: str | None) -> bool:
        """Counts a frame that shows the object on the other side. Returns whether it is there for certain."""
        self.sightings += 1
        self.votes[class_name] = self.votes.get(class_name, 0) + 1
        return has_stayed(frame.seconds - self.seen_at, self.sightings)


@dataclass(slots=True, kw_only=True)
class _Stay:
    """Where an object is, seen from one region.

    Attributes:
        is_inside: Whether it is inside the polygon, or on the right of the line, for certain.
        change: Set while the object is on the other side, but not for certain.
        is_near: Whether it came to this side by staying near the border, and has not been beyond the margin since. Then
            it leaves only beyond the margin: an object that sways at a border changes sides once.
        open_entry: How a visit began whose class is not certain yet.
        entered_at: When a visit began whose class is certain, in seconds.
        class_name: The class of this visit.
    """

    is_inside: bool
    change: _Change | None = None
    is_near: bool = False
    open_entry: _Change | None = None
    entered_at: float | None = None
    class_name: str | None = None


class _Object:
    """A tracked object in the last sampled frame that shows it.

    Attributes:
        class_name: The class of most of its last frames.
        votes: How many frames with this class there were more than others.
        x, y: Its anchor, in pixels.
        stays: One for each region.
        is_open: Whether the class of a visit may not be certain yet.
        left, right, top, bottom: While its anchor stays in this rectangle, nothing happens.
    """

    __slots__ = (
        "bottom",
        "class_name",
        "frame",
        "is_open",
        "left",
        "right",
        "stays",
        "top",
        "track_id",
        "votes",
        "x",
        "y",
    )

    def __init__(self, track_id: int, class_name: str | None, place: Point, frame: FrameTime) -> None:
        self.track_id, self.class_name, self.votes = track_id, class_name, 1
        (self.x, self.y), self.frame = place, frame
        self.stays: Sequence[_Stay] = ()
        self.is_open = False
        self.forget_rectangle()

    def change_now(self) -> _Change:
        """Returns a change that was not seen: the object appears, or vanishes, on the other side of the border."""
        frame = self.frame
        return _Change(
            frame=frame,
            place=(self.x, self.y),
            is_entered=False,
            seen_at=frame.seconds,
            votes={self.class_name: 1},
            sightings=1,
        )

    def forget_rectangle(self) -> None:
        self.left = self.right = self.top = self.bottom = 0.0

    def vote(self, class_name: str | None) -> None:
        """Takes the class of a frame."""
        # The majority vote of Boyer and Moore, with a short memory.
        if class_name == self.class_name:
            self.votes = min(self.votes + 1, VOTES_MAX)
            return
        self.votes -= 1
        if self.votes < 0:
            self.class_name, self.votes = class_name, 1

    def has_ended(self, frame: FrameTime) -> bool:
        """Returns whether its track ended before a sampled frame; the same as in `tracks.py`."""
        missed = frame.number - self.frame.number - 1
        return missed > LOST_FRAMES and frame.seconds - self.frame.seconds > LOST_SECONDS


@dataclass(frozen=True, slots=True)
class _Watched:
    """A region, its number, and its border in the picture."""

    number: int
    region: Region
    border: Border


class ObjectPaths:
    """Follows the objects of one model, and finds their events in the regions with one anchor.

    Args:
        regions: All regions; those with other anchors are ignored.
        found: Gets the events, not in order of time.
    """

    def __init__(self, model_id: str, regions: Sequence[Region], anchor: Anchor, found: list[FoundEvent]) -> None:
        self._model_id = model_id
        self._regions = [(number, region) for number, region in enumerate(regions) if region.anchor == anchor]
        self._drop = 0.5 if anchor == "bottom-center" else 0.0
        self._found = found
        self._watched: Sequence[_Watched] = ()
        self._size: Size = (0, 0)
        self._objects: dict[int, _Object] = {}
        self._count = 0
        self._next_end = -inf

    def resize(self, size: Size) -> None:
        """Sets the size of the picture, and moves the objects accordingly."""
        for thing in self._objects.values():
            thing.x, thing.y = thing.x * size[0] / self._size[0], thing.y * size[1] / self._size[1]
            thing.forget_rectangle()
        self._size = size
        self._watched = [_Watched(number, region, make_border(region, size)) for number, region in self._regions]

    def follow(self, frame: FrameTime, rows: Iterable[Row]) -> None:
        """Moves the objects to where a sampled frame shows them. Frames must be in order of time."""
        if frame.seconds > self._next_end:
            self._end_tracks(frame)
        objects, drop = self._objects, self._drop
        first_number = frame.number - LOST_FRAMES - 1
        for track_id, class_name, x, y, width, height in rows:
            y += height * drop
            thing = objects.get(track_id)
            if thing is None:
                objects[track_id] = self._begin(_Object(track_id, class_name, self._clamp((x, y)), frame))
            elif (
                thing.left < x < thing.right
                and thing.top < y < thing.bottom
                and class_name == thing.class_name
                and first_number <= thing.frame.number < frame.number
            ):
                thing.x, thing.y, thing.frame = x, y, frame
                if thing.votes < VOTES_MAX:
                    thing.votes += 1
                if thing.is_open:
                    self._see(thing, class_name, frame)
                    self._appear(thing)
            elif thing.has_ended(frame):
                self._leave(thing)
                objects[track_id] = self._begin(_Object(track_id, class_name, self._clamp((x, y)), frame))
            elif thing.frame is not frame:  # a track ID that comes twice in a frame counts once
                thing.vote(class_name)
                if thing.is_open:
                    self._see(thing, class_name, frame)
                self._move(thing, (x, y), frame, margin=MARGIN * sqrt(width * height), class_name=class_name)
                self._appear(thing)

    def end(self) -> None:
        """Ends all tracks."""
        for thing in self._objects.values():
            self._leave(thing)
        self._objects.clear()

    def find_earliest(self, seconds: float) -> float:
        """Returns a time, at most `seconds`, that all further events will have or exceed."""
        return min([seconds, *map(_find_earliest, self._objects.values())])

    def _begin(self, thing: _Object) -> _Object:
        thing.stays = [_Stay(is_inside=watched.border.has_inside(thing.x, thing.y)) for watched in self._watched]
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            if stay.is_inside and not watched.region.is_line:
                self._enter(thing, stay, thing.change_now())
        return thing

    def _appear(self, thing: _Object) -> None:
        """Begins the visits of an object that is inside, and whose class did not count before."""
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            if stay.is_inside and stay.change is None and stay.open_entry is None and stay.entered_at is None:
                region = watched.region
                if not region.is_line and region.counts(thing.class_name):
                    self._enter(thing, stay, thing.change_now())

    def _leave(self, thing: _Object) -> None:
        """Ends the visits of an object that was last seen inside."""
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            self._exit(watched, thing, stay, thing.change_now())

    def _end_tracks(self, frame: FrameTime) -> None:
        for track_id, thing in list(self._objects.items()):
            if thing.has_ended(frame):
                self._leave(thing)
                del self._objects[track_id]
        self._next_end = frame.seconds + ENDS_SECONDS

    def _move(self, thing: _Object, place: Point, frame: FrameTime, *, margin: float, class_name: str | None) -> None:
        """Moves an object to its place in a sampled frame; events are on the straight path in between."""
        start, end = self._clamp((thing.x, thing.y)), self._clamp(place)
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            for part in watched.border.split(start, end):
                if part.is_inside == stay.is_inside:
                    stay.change = None
                    if stay.is_near:
                        stay.is_near = not watched.border.reaches(margin, start, end, part)
                    continue
                if stay.change is None:
                    stay.change = _Change(
                        frame=_interpolate(thing.frame, frame, part.start),
                        place=_find_place(start, end, part.start),
                        is_entered=part.is_entered or not watched.region.is_line,
                        seen_at=frame.seconds,
                        votes={thing.class_name: thing.votes},
                    )
                if watched.border.reaches(margin, start, end, part):
                    self._change_side(watched, thing, stay, stay.change)
                    stay.is_near = False
            if stay.change is not None and stay.change.see(frame, class_name) and not stay.is_near:
                self._change_side(watched, thing, stay, stay.change)
                stay.is_near = True
        (thing.x, thing.y), thing.frame = end, frame
        self._find_rectangle(thing)

    def _change_side(self, watched: _Watched, thing: _Object, stay: _Stay, change: _Change) -> None:
        stay.is_inside, stay.change = not stay.is_inside, None
        if not watched.region.is_line:
            if stay.is_inside:
                self._enter(thing, stay, change)
            else:
                self._exit(watched, thing, stay, change)
        elif change.is_entered and watched.region.counts(thing.class_name):
            direction: Direction = "in" if stay.is_inside else "out"
            self._add(watched, thing, change, "crossing", class_name=thing.class_name, direction=direction)

    def _enter(self, thing: _Object, stay: _Stay, change: _Change) -> None:
        stay.open_entry, thing.is_open = change, True

    def _see(self, thing: _Object, class_name: str | None, frame: FrameTime) -> None:
        """Counts the class of a frame for the visits whose class is not certain yet."""
        thing.is_open = False
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            if stay.open_entry is not None:
                if stay.open_entry.see(frame, class_name):
                    self._close(watched, thing, stay)
                else:
                    thing.is_open = True

    def _close(self, watched: _Watched, thing: _Object, stay: _Stay) -> None:
        """Decides on the class of a visit. If it does not count in the region, there is no visit."""
        entry, stay.open_entry = stay.open_entry, None
        if entry is None:
            return
        class_name = max(entry.votes, key=entry.votes.__getitem__)
        if watched.region.counts(class_name):
            stay.entered_at, stay.class_name = entry.frame.seconds, class_name
            self._add(watched, thing, entry, "entry", class_name=class_name)

    def _exit(self, watched: _Watched, thing: _Object, stay: _Stay, change: _Change) -> None:
        self._close(watched, thing, stay)
        if stay.entered_at is not None:
            dwell, stay.entered_at = change.frame.seconds - stay.entered_at, None
            self._add(watched, thing, change, "exit", class_name=stay.class_name, dwell=dwell)

    def _add(
        self,
        watched: _Watched,
        thing: _Object,
        change: _Change,
        kind: EventKind,
        *,
        class_name: str | None,
        direction: Direction | None = None,
        dwell: float | None = None,
    ) -> None:
        seconds, place = change.frame.seconds, self._clamp(change.place)
        event = Event(
            model_id=self._model_id,
            track_id=thing.track_id,
            class_name=class_name,
            region=watched.region.name,
            kind=kind,
            direction=direction,
            time_offset=seconds,
            frame_offset=change.frame.frame_offset,
            dwell_seconds=dwell,
            at_border=change.is_entered,
            x=place[0],
            y=place[1],
        )
        self._count += 1
        self._found.append((seconds, thing.track_id, watched.number, self._count, event))

    def _find_rectangle(self, thing: _Object) -> None:
        left, right, top, bottom = -inf, inf, -inf, inf
        for watched, stay in zip(self._watched, thing.stays, strict=True):
            if stay.change is not None or stay.is_near:
                thing.forget_rectangle()
                return
            free = watched.border.find_free(thing.x, thing.y)
            left, right, top, bottom = max(left, free[0]), min(right, free[1]), max(top, free[2]), min(bottom, free[3])
        thing.left, thing.right, thing.top, thing.bottom = left, right, top, bottom

    def _clamp(self, place: Point) -> Point:
        """Returns the place in the picture that is nearest to a place. Boxes may be partly outside of it."""
        (x, y), (width, height) = place, self._size
        return (
            min(max(x, EDGE_PIXELS), width - EDGE_PIXELS),
            min(max(y, EDGE_PIXELS), height - EDGE_PIXELS),
        )


def _find_earliest(thing: _Object) -> float:
    """Returns a time that all further events of an object will have or exceed."""
    earliest = thing.frame.seconds
    for stay in thing.stays:
        if stay.change is not None:
            earliest = min(earliest, stay.change.frame.seconds)
        if stay.open_entry is not None:
            earliest = min(earliest, stay.open_entry.frame.seconds)
    return earliest


def _interpolate(before: FrameTime, after: FrameTime, share: float) -> FrameTime:
    """Returns the frame `after` with the time of a place on the path between two frames."""
    seconds = before.seconds + share * (after.seconds - before.seconds)
    return FrameTime(min(seconds, after.seconds), after.frame_offset, after.number)


def _find_place(start: Point, end: Point, share: float) -> Point:
    (x1, y1), (x2, y2) = start, end
    return x1 + share * (x2 - x1), y1 + share * (y2 - y1)
