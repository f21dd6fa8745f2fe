"""What a check of a deployed pipeline finds."""

from dataclasses import dataclass
from typing import Literal

type Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """The result of one check. `remedy` is a command, or a sentence where no command helps."""

    level: Level
    what: str
    remedy: str | None = None
