"""The budget of requests to the API that all functions share: time is divided into slots, and a request takes one.

Slots are the same for all functions: slot k begins k intervals after the epoch, and belongs to lane k mod 3. A request
starts within its slot's lateness. The interval is long enough that even if one request is late and a later one is
punctual, no window of `seconds`, wherever it begins, has more than `requests` requests.

Each lane is booked in order, however far ahead, so a request that has to wait knows its time. A lane may also take
slots of the next round that other lanes have not booked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal, NamedTuple, get_args

Lane = Literal["creates", "polls", "completions"]
"""Creating jobs, polling them, and completing work (a delivery, or the job of a video that has been sent)."""

LANES: tuple[Lane, ...] = get_args(Lane)

PATIENCE_SECONDS = 5.0
"""A function itself waits for a turn that is this close."""

LATENESS_SHARE = 1 / 12
"""The share of the window that may pass before a slot's request is sent: five seconds of a minute."""

CONNECT_SHARE = 1 / 12
"""The share that may pass from then until the API counts the request: connecting, and clock differences."""


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float = 60

    @property
    def interval(self) -> float:
        """Seconds from slot to slot."""
        return self.seconds * (1 + LATENESS_SHARE + CONNECT_SHARE) / self.requests

    @property
    def lateness(self) -> float:
        """Seconds for which a slot is valid."""
        return self.seconds * LATENESS_SHARE


@dataclass(frozen=True)
class Bookings:
    """What is booked. In each lane all slots before `free_from` are booked; no request may be sent before
    `paused_until`. Both are in seconds since the epoch.
    """

    free_from: Mapping[Lane, float] = field(default_factory=dict)
    paused_until: float = 0.0


class Slot(NamedTuple):
    """A lane's slot, and when it begins."""

    lane: Lane
    begins: float


def choose_slot(limit: Limit, bookings: Bookings, lane: Lane, now: float) -> Slot:
    """Returns the first slot for a request of `lane`: the next of its own, or a free one of another lane."""
    earliest = max(now, bookings.paused_until)
    own, *others = (
        _find_first(limit, one, max(earliest, bookings.free_from.get(one, 0.0)))
        for one in (lane, *(other for other in LANES if other != lane))
    )
    round_ends = earliest + len(LANES) * limit.interval
    return min([own, *(slot for slot in others if slot.begins < round_ends)], key=lambda slot: slot.begins)


def free_after(limit: Limit, slot: Slot) -> float:
    """Returns a lane's `free_from` after `slot` has been booked: between two slots, where rounding is harmless."""
    return slot.begins + limit.interval / 2


def _find_first(limit: Limit, lane: Lane, earliest: float) -> Slot:
    number = ceil(earliest / limit.interval)
    number += (LANES.index(lane) - number) % len(LANES)
    return Slot(lane, number * limit.interval)
