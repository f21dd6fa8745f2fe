"""Events: what tracked objects do in the regions of a video."""

from typing import Literal

from msgspec import Struct

from videojobs.jobs.regions import Direction

EventKind = Literal["entry", "exit", "crossing"]
"""An entry into a polygon, an exit from it, or the crossing of a line."""


class Event(Struct, frozen=True, gc=False, kw_only=True):
    """One event.

    Attributes:
        class_name: The class of most frames of the visit, or of the last frames before a crossing.
        region: The region's name.
        direction: Of a crossing; None for others.
        time_offset: Seconds, as in the results; between two sampled frames it is interpolated.
        frame_offset: The number in the video of the first sampled frame that shows the event.
        dwell_seconds: How long the object was inside, for an exit; None for others.
        at_border: Whether the object was seen on both sides of the border. An object may also be first seen inside,
            which is an entry, or last seen inside, which is an exit: then the dwell is a minimum.
        x, y: The object's anchor, in pixels.
    """

    model_id: str
    track_id: int
    class_name: str | None
    region: str
    kind: EventKind
    direction: Direction | None
    time_offset: float
    frame_offset: int
    dwell_seconds: float | None
    at_border: bool
    x: float
    y: float
