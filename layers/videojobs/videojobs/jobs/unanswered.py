"""Counts calls that should create a job and got no usable answer: each may have created a job that is billed, and that
nothing waits for.

At the hosted API, which has no idempotency keys, this can't be prevented, but it can be reported. A call is counted
before it is sent, and uncounted when it is known to have created no job, or the job that the pipeline waits for. So if
the function crashes in between, the call stays counted. If the API knows the key, one answer uncounts all its calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from videojobs.jobs.ledger import format_time


@dataclass(frozen=True)
class Unanswered:
    """The unanswered calls of one attempt at an upload.

    Attributes:
        last_at: The time of the last, ISO 8601.
        idempotency_key: The key of all of them; None if they had several.
    """

    count: int = 0
    last_at: str | None = None
    idempotency_key: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Reads them from the ledger's item."""
        return cls(int(item.get("unanswered", 0)), item.get("unanswered_at"), item.get("idempotency_key"))

    def with_one_more(self, now: datetime, idempotency_key: str) -> "Unanswered":
        is_same = not self.count or self.idempotency_key == idempotency_key
        return Unanswered(self.count + 1, format_time(now), idempotency_key if is_same else None)

    def with_one_less(self) -> "Unanswered":
        """Returns what is left after the last call's answer was found."""
        return replace(self, count=self.count - 1) if self.count > 1 else Unanswered()

    def without(self, idempotency_key: str) -> "Unanswered":
        """Returns what is left after an API that knows the key answered: it created one job for all calls with it."""
        return Unanswered() if self.idempotency_key == idempotency_key else self

    def to_values(self) -> dict[str, Any]:
        """Returns the ledger's attributes; None removes one."""
        return {
            "unanswered": self.count or None,
            "unanswered_at": self.last_at,
            "idempotency_key": self.idempotency_key,
        }

    def describe(self) -> str:
        """Returns a text for a notice, empty if there are none."""
        if self.last_at is None:
            return ""
        time = f"{datetime.fromisoformat(self.last_at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.count == 1:
            calls, jobs = f"1 call to create this job, at {time},", "another job"
        else:
            calls, jobs = f"{self.count} calls to create this job, the last at {time},", "another job each"
        return (
            f"{calls} got no usable answer. The API may have created {jobs}, which it bills and whose results are not "
            "delivered: check its own list of jobs, or its bill."
        )
