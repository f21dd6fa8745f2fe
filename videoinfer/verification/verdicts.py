"""What a check says. Its words may quote an API, a video's name or AWS: they are cleaned here, in one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from videojobs.foreign_text import printable
from videojobs.redaction import redact

type Level = Literal["ok", "wrong", "unseen"]
"""`unseen` is neither proof nor fault: it comes later, or this endpoint can't show it."""

WORDS_MAX_CHARACTERS = 600


@dataclass(frozen=True)
class Verdict:
    """A level, and a sentence on one line, without secrets, and without what a terminal would obey.

    Attributes:
        cost_usd: What it cost on AWS, where that is known.
    """

    level: Level
    what: str
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", printable(redact(" ".join(self.what.split())), WORDS_MAX_CHARACTERS))


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """A row of the table: the verdict of a check, and how long it took, waiting included."""

    check: str
    level: Level
    what: str
    seconds: float
    cost_usd: float | None


class Unavailable(Exception):
    """What a check is about can't be had; says why."""


def ok(what: str, cost_usd: float | None = None) -> Verdict:
    return Verdict("ok", what, cost_usd)


def wrong(what: str) -> Verdict:
    return Verdict("wrong", what)


def unseen(what: str) -> Verdict:
    return Verdict("unseen", what)


def judge(faults: Iterable[str], what: str, cost_usd: float | None = None) -> Verdict:
    """`wrong` with all faults, or `ok` with `what` if there are none."""
    found = list(faults)
    return Verdict("wrong", " ".join(found), cost_usd) if found else ok(what, cost_usd)
