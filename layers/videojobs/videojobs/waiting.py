"""A delivery that the API is to be asked for later: how long, and how often it has been put off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from videojobs.errors import ApiUnavailable, TurnLater

WAITS_MAX = 10
"""How often a delivery waits for a turn, or until the API wants to be asked; then it is a failure, which is retried."""

WAIT_SECONDS_MAX = 11 * 3600


@dataclass(frozen=True)
class Waiting:
    """How often a delivery has been put off so far, and the turn at the API that it has booked."""

    waits: int = 0
    turn_at: float | None = None

    @classmethod
    def from_delivery(cls, delivery: Mapping[str, Any]) -> "Waiting":
        """As the state machine's `delivery` says, if there is one yet."""
        return cls(delivery.get("waits") or 0, delivery.get("turn_at"))

    def put_off(self, unavailable: ApiUnavailable) -> dict[str, Any]:
        """The delivery's answer: it goes on when the API, or its budget, has said.

        Raises:
            ApiUnavailable: `unavailable`, which names no time, or was one too many.
        """
        if unavailable.retry_after_seconds is None or self.waits >= WAITS_MAX:
            raise unavailable
        return {
            "status": "waiting",
            "reason": str(unavailable),
            "wait_seconds": min(max(int(unavailable.retry_after_seconds), 1), WAIT_SECONDS_MAX),
            "turn_at": unavailable.turn_at if isinstance(unavailable, TurnLater) else None,
            "waits": self.waits + 1,
        }


NOT_YET = Waiting()
"""Before a delivery's first try."""
