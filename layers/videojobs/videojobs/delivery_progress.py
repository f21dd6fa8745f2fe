"""How far a delivery has come, as the ledger has it: its next invocation goes on from there."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

FIRST = "first"
"""The delivery that follows a job; others are named by who asks for them."""

SUMMARY = "summary"
"""The output that every job has; no file is its own, but the records are made of it."""

DEATHS_MAX = 2
"""How many invocations may end without a word while they make one output by itself. Its next is its last."""


@dataclass(frozen=True)
class Polling:
    """What waiting for a job took.

    Attributes:
        gigabyte_seconds: Of all polls together, and of creating the job.
    """

    polls: int
    gigabyte_seconds: float = 0.0

    @classmethod
    def from_check(cls, check: Mapping[str, Any]) -> Self:
        """As the state machine's `check` says."""
        return cls(check["polls"], check.get("gigabyte_seconds", 0.0))


@dataclass(kw_only=True)
class Progress:
    """One delivery's progress.

    Attributes:
        delivery: Which delivery it is: another one begins from the start.
        step: What an invocation is working on; empty when it has come to an end of its own.
        deaths: How many invocations in a row did not: they ran out of memory or time, or crashed.
        upload_id: Of the upload in parts that `results.json` is becoming.
        is_fetched: Whether this delivery has stored the API's results.
        is_careful: Each output is made by an invocation of its own.
        locations: Where the files of the outputs are that are made, by output and name.
        failed: Why there is no such output, by its name.
        invocations, gigabyte_seconds, requests, size_bytes: What was used, for the costs.
    """

    delivery: str = FIRST
    step: str = ""
    deaths: int = 0
    upload_id: str | None = None
    is_fetched: bool = False
    is_careful: bool = False
    locations: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    invocations: int = 0
    gigabyte_seconds: float = 0.0
    requests: int = 0
    size_bytes: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any], delivery: str) -> Self:
        """As the ledger has it of this delivery, or that nothing is done."""
        kept = item.get("delivery") or {}
        if kept.get("delivery") != delivery:
            return cls(delivery=delivery)
        numbers = {name: int(kept[name]) for name in ("deaths", "invocations", "requests", "size_bytes")}
        return cls(**{**kept, **numbers, "gigabyte_seconds": float(kept["gigabyte_seconds"])})

    def to_item(self) -> dict[str, Any]:
        return asdict(self)

    def begin(self, step: str) -> None:
        """Notes what is about to be worked on, and whether that ended an invocation before."""
        self.deaths = self.deaths + 1 if self.step == step else 0
        self.step = step

    def end(self) -> None:
        """Notes that the invocation came to an end of its own."""
        self.step, self.deaths = "", 0

    def list_left(self, names: Sequence[str]) -> list[str]:
        """The outputs of `names` that are neither made nor given up."""
        return [name for name in names if name not in self.locations and name not in self.failed]
