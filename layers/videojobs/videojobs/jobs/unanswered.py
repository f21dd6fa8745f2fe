"""Calls that asked the API for a job and brought no usable answer: each may have made one that is billed and not waited
for.

The API has no idempotency key, so that can't be prevented; it can be known. A call is counted before it is made and
taken back once the API is known to have made no job, or the one that is waited for: a function that dies in between
leaves it counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self


@dataclass(frozen=True)
class Unanswered:
    """Of one attempt at an upload: how many such calls there were, and when the last of them was made, ISO 8601."""

    count: int = 0
    last_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """As the ledger has it."""
        return cls(int(item.get("unanswered", 0)), item.get("unanswered_at"))

    def with_one_more(self, now: datetime) -> "Unanswered":
        return Unanswered(self.count + 1, now.astimezone(UTC).isoformat(timespec="seconds"))

    def with_one_less(self) -> "Unanswered":
        """After the answer to the last call was found."""
        return Unanswered(self.count - 1, self.last_at) if self.count > 1 else Unanswered()

    def to_values(self) -> dict[str, Any]:
        """What the ledger is to hold; None takes a value away."""
        return {"unanswered": self.count or None, "unanswered_at": self.last_at}

    def describe(self) -> str:
        """What a person has to know of them, or nothing where there were none."""
        if self.last_at is None:
            return ""
        time = f"{datetime.fromisoformat(self.last_at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self.count == 1:
            calls, jobs = f"1 call that asked the API for this job, at {time},", "a job"
        else:
            calls, jobs = f"{self.count} calls that asked the API for this job, the last at {time},", "a job each"
        return (
            f"{calls} brought no usable answer. The API may have made {jobs} all the same, which nobody waits for and "
            "which it bills: compare its own list of jobs, or its bill."
        )
