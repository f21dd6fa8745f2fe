"""A stand-in for the API's rate limit: it gives turns when a test says, and records the requests for turns."""

from dataclasses import dataclass, field

from videojobs.api.budget import Lane
from videojobs.api.turns import Turn
from videojobs.errors import TurnLater


@dataclass
class ScriptedTurns:
    """Raises the errors in `later`, one per request for a turn (None: the turn is now); then gives every turn at once.

    Attributes:
        taken: The lane and booking time of each request for a turn.
        given: The turns that were given.
        paused: The pauses that were asked for, in seconds.
    """

    later: list[TurnLater | None] = field(default_factory=list)
    taken: list[tuple[Lane, float | None]] = field(default_factory=list)
    given: list[Turn] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = 0.0) -> Turn:
        """Stands for the rate limit's `take`."""
        self.taken.append((lane, booked_at))
        if self.later and (later := self.later.pop(0)):
            raise later
        self.given.append(Turn())
        return self.given[-1]

    @property
    def used(self) -> int:
        """How many given turns were used for a request."""
        return sum(turn.is_used for turn in self.given)

    def pause(self, seconds: float) -> None:
        """Stands for the rate limit's `pause`."""
        self.paused.append(seconds)
