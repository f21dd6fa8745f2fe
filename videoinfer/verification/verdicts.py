"""The results of checks. Their sentences may quote an API, a video's name or AWS, so they are escaped here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from videojobs.foreign_text import printable
from videojobs.redaction import redact

type Level = Literal["ok", "wrong", "unseen"]
"""`unseen` is neither proof nor fault: the thing comes later, or this endpoint does not have it."""

WORDS_MAX_CHARACTERS = 600


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        what: One sentence or more on one line, with secrets removed and control characters escaped.
        cost_usd: Its cost on AWS; None if unknown.
    """

    level: Level
    what: str
    cost_usd: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", printable(redact(" ".join(self.what.split())), WORDS_MAX_CHARACTERS))


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """A row of the table: a check, its verdict, and its time in seconds, including the time it waited."""

    check: str
    level: Level
    what: str
    seconds: float
    cost_usd: float | None


class Unavailable(Exception):
    """The thing to check is not there, or can't be reached. The message says why."""


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


def compare(name: str, found: object, expected: object) -> list[str]:
    """The fault if `found` is not the expected value, or nothing.

    >>> compare("frames", 3, 2)
    ['frames: 3 instead of 2.']
    """
    return [] if found == expected else [f"{name}: {found} instead of {expected}."]
