"""Counts calls that should create a job and got no usable answer: each may have created a job that is billed, and that
nothing waits for.

The API has no idempotency key, so this can't be prevented, but it can be reported. A call is counted before it is sent,
and uncounted when it is known to have created no job, or the job that the pipeline waits for. So if the function
crashes in between, the call stays counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from videojobs.jobs.ledger import format_time


@dataclass(frozen=True)
class Unanswered:
    """The unanswered calls of one attempt at an upload: their number, and the time of the last, ISO 8601."""

    count: int = 0
    last_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Reads them from the ledger's item."""
        return cls(int(item.get("unanswered", 0)), item.get("unanswered_at"))

    def with_one_more(self, now: datetime) -> "Unanswered":
        return Unanswered(self.count + 1, format_time(now))

    def with_one_less(self) -> "Unanswered":
        """Returns what is left after the last call's answer was found."""
        return Unanswered(self.count - 1, self.last_at) if self.count > 1 else Unanswered()

    def to_values(self) -> dict[str, Any]:
        """Returns the ledger's attributes; None removes one."""
        return {"unanswered": self.count or None, "unanswered_at": self.last_at}

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
