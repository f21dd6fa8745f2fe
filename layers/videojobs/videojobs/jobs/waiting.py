"""A delivery that can't be made now: until when it is tried again, and how often the API has put it off."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.jobs.ledger import Job
from videojobs.logs import logger

WAITS_MAX = 10
"""How often a delivery waits for a turn, or until the API wants to be asked; then it is a failure, which is retried."""

WAIT_SECONDS_MAX = 11 * 3600

LAST_TRIES_SECONDS = 2 * 3600
"""How long after a job's deadline its delivery is still retried, for the API may be done just before the deadline."""


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


def give_up(job: Job, error: Exception, now: datetime) -> dict[str, Any]:
    """The answer of a delivery that failed with `error` too late to be retried.

    Raises:
        Exception: `error`, while there is time.
    """
    if job.seconds_left(now) > -LAST_TRIES_SECONDS:
        raise error
    logger.exception("The delivery is given up.")
    words = f"The results are ready but could not be delivered in time: {str(error) or type(error).__name__}"
    return {"status": "given_up", "reason": words}


NOT_YET = Waiting()
"""Before a delivery's first try."""
