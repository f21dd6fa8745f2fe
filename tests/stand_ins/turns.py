"""Turns that come when a test says, and remember what was asked of them."""

from dataclasses import dataclass, field

from videojobs.api.budget import Lane
from videojobs.api.turns import Turn
from videojobs.errors import TurnLater


@dataclass
class ScriptedTurns:
    """Raises each of `later` in turn, where it is not None; after that everyone's turn is at once."""

    later: list[TurnLater | None] = field(default_factory=list)
    taken: list[tuple[Lane, float | None]] = field(default_factory=list)
    given: list[Turn] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = 0.0) -> Turn:
        self.taken.append((lane, booked_at))
        if self.later and (later := self.later.pop(0)):
            raise later
        self.given.append(Turn())
        return self.given[-1]

    @property
    def used(self) -> int:
        """How many of the turns a request has used."""
        return sum(turn.is_used for turn in self.given)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
