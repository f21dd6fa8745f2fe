"""Deliveries that have to wait: how often the API may postpone them, and how long they are retried."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from videojobs.errors import ApiUnavailable, TurnLater
from videojobs.jobs.ledger import Job
from videojobs.logs import logger

WAITS_MAX = 7
"""How often a delivery waits for a turn or for the API's Retry-After. After that it fails, and is retried."""

WAIT_SECONDS_MAX = 11 * 3600

LAST_TRIES_SECONDS = 2 * 3600
"""How long after a job's deadline its delivery is retried: the job may finish just before the deadline."""


@dataclass(frozen=True)
class Waiting:
    """How often a delivery has been postponed so far, and its booked turn at the API."""

    waits: int = 0
    turn_at: float | None = None

    @classmethod
    def from_delivery(cls, delivery: Mapping[str, Any]) -> "Waiting":
        """Reads it from the state machine's `delivery`, which is empty at the first attempt."""
        return cls(delivery.get("waits") or 0, delivery.get("turn_at"))

    def put_off(self, unavailable: ApiUnavailable) -> dict[str, Any]:
        """Returns the answer of a delivery that waits for as long as the API or the budget says.

        Raises:
            ApiUnavailable: `unavailable`, if it names no time or the delivery has waited too often.
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
    """Returns the answer of a delivery that failed with `error`, if it is too late to retry it.

    Raises:
        Exception: `error`, while there is time.
    """
    if job.seconds_left(now) > -LAST_TRIES_SECONDS:
        raise error
    logger.exception("The delivery has failed for too long and is not retried.")
    words = f"The results are ready but could not be delivered in time: {str(error) or type(error).__name__}"
    return {"status": "given_up", "reason": words}


FIRST_TRY = Waiting()
"""The state at a delivery's first attempt."""
