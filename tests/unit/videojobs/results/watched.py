"""Events of objects whose tracks and paths a test gives."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.frames import make_frames
from videojobs.jobs.regions import Region, parse_regions
from videojobs.results.analysis import Analysis
from videojobs.results.events import Event
from videojobs.results.predictions import Frames

WIDTH, HEIGHT = 1000, 500
SIZE = {"width": WIDTH, "height": HEIGHT}
BOX = 20

type Place = tuple[float, float]
"""x and y in shares of the frame; the anchor is the center."""


def make_regions(**shapes: Any) -> tuple[Region, ...]:
    """Makes polygons, and lines from two points; their anchor is the center."""
    return parse_regions(
        [
            {
                "name": name,
                "line" if len(points) == 2 else "polygon": [list(point) for point in points],
                "anchor": "center",
            }
            for name, points in shapes.items()
        ]
    )


def see(places: Mapping[int, Place], **more: Any) -> dict[str, Any]:
    """An element with a box for each tracker ID."""
    boxes = [
        {"class": "car", "tracker_id": track_id, "x": x * WIDTH, "y": y * HEIGHT, "width": BOX, "height": BOX, **more}
        for track_id, (x, y) in places.items()
    ]
    return {"image": SIZE, "predictions": boxes}


def analyze_elements(
    regions: Sequence[Region], elements: Sequence[Any], times: Sequence[float] | None = None, *, batch: int = 1000
) -> list[Frames]:
    """Returns the analyzed frames of one model, the last events among them."""
    analysis = Analysis(track=True, regions=regions)
    analyzed = []
    for first in range(0, max(1, len(elements)), batch):
        some = elements[first : first + batch]
        frames = make_frames("m", some, time_offsets=times and times[first : first + batch], first=first)
        analyzed.append(analysis.add(frames))
    end = analysis.end(analyzed[-1])
    return analyzed if end is None else [*analyzed, end]


def watch(
    regions: Sequence[Region], elements: Sequence[Any], times: Sequence[float] | None = None, *, batch: int = 1000
) -> list[Event]:
    """Returns the events of one model; times default to one frame a second."""
    analyzed = analyze_elements(regions, elements, times, batch=batch)
    for frames in analyzed:
        if frames.events_failure:
            raise frames.events_failure
    return [event for frames in analyzed for event in frames.events]


def follow(regions: Sequence[Region], *places: Place, **more: Any) -> list[Event]:
    """Returns the events of one object at these places, one a second."""
    return watch(regions, [see({1: place}, **more) for place in places])


def outline(events: Sequence[Event]) -> list[tuple[str, str, float]]:
    """Region, direction or kind, and time of each event."""
    return [(event.region, event.direction or event.kind, round(event.time_offset, 3)) for event in events]


DOOR = make_regions(door=[(0.5, 0.2), (0.5, 0.8)])
"""A line that points down: from the right to the left is `in`."""

DOCK = make_regions(dock=[(0.4, 0.2), (0.6, 0.2), (0.6, 0.8), (0.4, 0.8)])
HORSESHOE = make_regions(
    dock=[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.6, 0.8), (0.6, 0.4), (0.4, 0.4), (0.4, 0.8), (0.2, 0.8)]
)
REGIONS = (*DOOR, *HORSESHOE)

shares = st.floats(0.02, 0.97).map(lambda share: share + 0.00137)
"""Few paths are along a border, where it is open on which side they are."""

places = st.tuples(shares, shares)
