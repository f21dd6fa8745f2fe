"""The budget of requests to the API that all functions share: time is cut into slots, and a request takes one.

Slots are an interval apart, the same for everyone: slot k begins k intervals after the epoch, and belongs to lane
k mod 3. A request begins within its slot's lateness, so one that is late and one that is not are never closer than
`seconds` for every `requests` of them: no window of that length, wherever it begins, sees more than `requests`.

A lane is booked from the front, however far ahead, so who can't go now knows when. What a lane leaves free of the
coming round, the others may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal, NamedTuple, get_args

Lane = Literal["creates", "polls", "completions"]
"""Creating jobs, polling them, and completing what was begun (a delivery, the job of a video that has been sent)."""

LANES: tuple[Lane, ...] = get_args(Lane)

PATIENCE_SECONDS = 5.0
"""For a turn that is so near a function waits itself."""

LATENESS_SHARE = 1 / 12
"""How much of the window may pass between a slot's beginning and its request's leaving: of a minute, five seconds."""

JOURNEY_SHARE = 1 / 12
"""And how much from there until the API counts it: connecting, and the clocks of two functions that differ."""


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float = 60

    @property
    def interval(self) -> float:
        """Seconds from slot to slot."""
        return self.seconds * (1 + LATENESS_SHARE + JOURNEY_SHARE) / self.requests

    @property
    def lateness(self) -> float:
        """Seconds for which a slot is good."""
        return self.seconds * LATENESS_SHARE


@dataclass(frozen=True)
class Bookings:
    """What is booked, in seconds since the epoch: of each lane all before `free_from`, and nothing is to go before
    `paused_until`.
    """

    free_from: Mapping[Lane, float] = field(default_factory=dict)
    paused_until: float = 0.0


class Slot(NamedTuple):
    """A lane's slot, and when it begins."""

    lane: Lane
    begins: float


def choose_slot(limit: Limit, bookings: Bookings, lane: Lane, now: float) -> Slot:
    """The first slot that a request of `lane` can have: the next of its own, or one that another leaves free."""
    earliest = max(now, bookings.paused_until)
    own, *others = (
        _find_first(limit, one, max(earliest, bookings.free_from.get(one, 0.0)))
        for one in (lane, *(other for other in LANES if other != lane))
    )
    round_ends = earliest + len(LANES) * limit.interval
    return min([own, *(slot for slot in others if slot.begins < round_ends)], key=lambda slot: slot.begins)


def free_after(limit: Limit, slot: Slot) -> float:
    """From when on the lane of a slot is free once it is booked: between two slots, where rounding is harmless."""
    return slot.begins + limit.interval / 2


def _find_first(limit: Limit, lane: Lane, earliest: float) -> Slot:
    number = ceil(earliest / limit.interval)
    number += (LANES.index(lane) - number) % len(LANES)
    return Slot(lane, number * limit.interval)
