"""Turns that come when a test says, and remember what was asked of them."""

from dataclasses import dataclass, field

from videojobs.api.budget import Lane
from videojobs.errors import TurnLater


@dataclass
class ScriptedTurns:
    """Raises each of `later` in turn, where it is not None; after that everyone's turn is at once."""

    later: list[TurnLater | None] = field(default_factory=list)
    taken: list[tuple[Lane, float | None]] = field(default_factory=list)
    used: int = 0
    paused: list[float] = field(default_factory=list)

    def take(self, lane: Lane, booked_at: float | None = None, patience_seconds: float = 0.0) -> None:
        self.taken.append((lane, booked_at))
        if self.later and (later := self.later.pop(0)):
            raise later

    def use(self) -> None:
        self.used += 1
        assert self.used <= len(self.taken)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
