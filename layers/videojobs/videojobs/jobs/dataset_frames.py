"""Which frames a dataset has: the option `dataset_frames`."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from videojobs.errors import InvalidOption

UNCERTAIN_DEFAULT = 100
"""How many uncertain frames a dataset has if no number is given: what a person labels in an hour or two."""

EVERY_MAX, UNCERTAIN_MAX = 1_000_000, 10_000

_FORM = re.compile(r"(all|events|every|uncertain)(?:(?:-| +)([0-9]{1,9}))?", re.IGNORECASE)
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class DatasetFrames:
    """Which of the sampled frames a dataset has.

    Attributes:
        kind: All of them; every `count`th; up to `count` of those whose predictions are least sure; or those at events.
    """

    kind: Literal["all", "every", "uncertain", "events"]
    count: int = 1

    def to_text(self) -> str:
        """Returns what `parse_dataset_frames` reads."""
        return f"{self.kind} {self.count}" if self.kind in ("every", "uncertain") else self.kind


def parse_dataset_frames(value: Any) -> DatasetFrames | None:
    """Reads the option; None if there is no dataset. Raises InvalidOption."""
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() == "none":
        return None
    if match := _FORM.fullmatch(text):
        kind, given = match[1].lower(), match[2]
        if kind == "all" and not given:
            return DatasetFrames("all")
        if kind == "events" and not given:
            return DatasetFrames("events")
        if kind == "every" and given and 1 <= int(given) <= EVERY_MAX:
            return DatasetFrames("every", int(given))
        if kind == "uncertain" and 1 <= (count := int(given or UNCERTAIN_DEFAULT)) <= UNCERTAIN_MAX:
            return DatasetFrames("uncertain", count)
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."
    known = f"none, all, every N (1 to {EVERY_MAX:,}), uncertain, uncertain N (1 to {UNCERTAIN_MAX:,}), events"
    raise InvalidOption(f"dataset_frames: {shown} is not one of {known}.")
