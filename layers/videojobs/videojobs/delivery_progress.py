"""The progress of a delivery, as the ledger stores it: the next invocation resumes from there."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from videojobs.schema import select_known

FIRST = "first"
"""The name of the delivery that follows a job; redeliveries have other names."""

SUMMARY = "summary"
"""The output that every job has. It has no file of its own; the job's records contain it."""

DEATHS_MAX = 2
"""How many invocations in a row may crash while making the same single output, before it counts as failed."""


@dataclass(frozen=True)
class Polling:
    """What waiting for a job used.

    Attributes:
        gigabyte_seconds: The total of creating the job and of all polls.
    """

    polls: int
    gigabyte_seconds: float = 0.0

    @classmethod
    def from_check(cls, check: Mapping[str, Any]) -> Self:
        """Reads it from the state machine's `check`."""
        return cls(check["polls"], check.get("gigabyte_seconds", 0.0))


@dataclass(kw_only=True)
class Progress:
    """One delivery's progress.

    Attributes:
        delivery: The delivery's name; another delivery starts from the beginning.
        step: The step that an invocation is working on; empty when the invocation has ended normally.
        deaths: How many invocations in a row did not end normally: they ran out of memory or time, or crashed.
        upload_id: The ID of the multipart upload of `results.json`.
        is_fetched: Whether this delivery has stored the API's results.
        is_careful: Whether each output is made in an invocation of its own.
        locations: The URIs of the finished outputs' files, by output and file name.
        failed: Why an output could not be made, by the output's name.
        invocations, gigabyte_seconds, requests, size_bytes: What the delivery has used, for the costs.
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
        """Reads this delivery's progress from the ledger's item; if it has none, nothing is done yet."""
        kept = item.get("delivery") or {}
        if kept.get("delivery") != delivery:
            return cls(delivery=delivery)
        numbers = {name: int(kept[name]) for name in ("deaths", "invocations", "requests", "size_bytes")}
        return cls(**{**select_known(cls, kept), **numbers, "gigabyte_seconds": float(kept["gigabyte_seconds"])})

    def to_item(self) -> dict[str, Any]:
        return asdict(self)

    def begin(self, step: str) -> None:
        """Notes the step that begins, and whether the previous invocation crashed in the same step."""
        self.deaths = self.deaths + 1 if self.step == step else 0
        self.step = step

    def end(self) -> None:
        """Notes that the invocation ends normally."""
        self.step, self.deaths = "", 0

    def list_files(self) -> dict[str, str]:
        """Returns the URIs of the finished outputs' files, by file name."""
        return {name: uri for files in self.locations.values() for name, uri in files.items()}

    def list_left(self, names: Sequence[str]) -> list[str]:
        """Returns those of `names` that are neither made nor failed."""
        return [name for name in names if name not in self.locations and name not in self.failed]
