"""What may go wrong, and how often it did.

A fault strikes a call of a function, the start of a function, or the delivery of an event. All faults of a life come
before a certain time, so that what waits for them to pass must end.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

AWS_FAULTS = (
    "killed before",
    "killed after",
    "refused",
    "down",
    "lost",
    "repeated",
    "slow",
)
"""Of a call to AWS: the process ends before it, or after it; AWS throttles it for longer than boto3 retries, or fails;
its answer is lost for longer than boto3 retries, or so that boto3 repeats it; it takes long.
"""

API_FAULTS = (
    "killed before",
    "killed after",
    "no connection",
    "reset",
    "lost",
    "late",
    "429",
    "503",
    "503 with Retry-After",
    "500",
    "500 but done",
    "no JSON",
    "no fields",
    "unknown",
    "cut",
    "slow",
)
"""Of a call to the API. `lost`, `late`, `500 but done`, `no JSON` and `no fields`: the API did what it was asked for.
`unknown`: it says that it has no such job, or no such file.
"""

INVOCATION_FAULTS = ("throttled", "service error", "caller gone", "timed out")
"""Of an invocation: Lambda refuses it, or fails; the caller loses the connection while the function goes on; it hangs
until its time is over.
"""

DELIVERY_FAULTS = ("late", "twice")

CLOCK_AHEAD_MAX = 1.5
"""Seconds by which clocks differ. With `CONNECT_SECONDS_MAX`, within what the budget allows (`CONNECT_SHARE`)."""

CONNECT_SECONDS_MAX = 2.0


@dataclass
class Faults:
    """The faults of one life.

    Attributes:
        until: No fault strikes from then on.
        weights: The weight of each fault; 0 for those that this life does not have.
        struck: How often each fault struck each call of each function. The fault "" counts the calls themselves.
        most: How many faults may strike at all.
    """

    order: random.Random
    until: float
    rate: float
    most: int
    weights: Mapping[str, float]
    struck: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    total: int = 0

    @classmethod
    def draw(cls, order: random.Random, begin: float) -> "Faults":
        """Draws the faults of a life: each has its own favorites."""
        kinds = sorted({*AWS_FAULTS, *API_FAULTS, *INVOCATION_FAULTS, *DELIVERY_FAULTS})
        weights = {kind: order.choice((0.0, 0.2, 1.0, 1.0, 3.0)) for kind in kinds}
        hours = order.choice((0.5, 2.0, 6.0))
        return cls(
            order, begin + 3600 * hours, order.choice((0.0, 0.005, 0.02, 0.05, 0.1)), order.choice((3, 10, 60)), weights
        )

    def choose(self, kinds: Sequence[str], function: str, call: str, now: float) -> str:
        """Chooses what strikes a call: a fault, or nothing."""
        self.struck["", function, call] += 1
        if now >= self.until or self.total >= self.most or self.order.random() >= self.rate:
            return ""
        weights = [self.weights[kind] for kind in kinds]
        if not any(weights):
            return ""
        [fault] = self.order.choices(kinds, weights)
        self.total += 1
        self.struck[fault, function, call] += 1
        return fault
