"""When a video was recorded: the option `recorded_at`, and what it says about an upload.

The option is an ISO 8601 time with its offset from UTC, or a pattern that is searched in the upload's key:

    2026-11-28T22:00:00+01:00
    cam_%Y%m%d_%H%M%S[Europe/Berlin]
    %Y/%m/%d/%H.%M.%S%z
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Self

from videojobs.errors import InvalidOption
from videojobs.jobs import strict_json
from videojobs.jobs.time_zones import parse_zone

PATTERN_MAX_CHARACTERS = 200

YEAR_MIN, YEAR_MAX = 1800, 2999
"""The years of recordings. Others are mistakes, and some can't be converted to UTC."""

DIRECTIVES: Mapping[str, str] = {
    "%Y": r"[0-9]{4}",
    "%y": r"[0-9]{2}",
    "%m": r"0[1-9]|1[0-2]",
    "%d": r"0[1-9]|[12][0-9]|3[01]",
    "%H": r"[01][0-9]|2[0-3]",
    "%I": r"0[1-9]|1[0-2]",
    "%p": r"[AaPp][Mm]",
    "%M": r"[0-5][0-9]",
    "%S": r"[0-5][0-9]",
    "%f": r"[0-9]{1,6}",
    "%z": r"Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]",
}
"""The directives of a pattern, as in Python's `strptime`, and what each matches. All numbers have their zeros."""

_NEEDED: Mapping[str, tuple[Set[str], ...]] = {
    "a year (%Y or %y)": ({"%Y"}, {"%y"}),
    "a month (%m)": ({"%m"},),
    "a day (%d)": ({"%d"},),
    "an hour (%H, or %I with %p)": ({"%H"}, {"%I", "%p"}),
}
"""What a pattern needs, and the directives that give it."""

_PART = re.compile(r"%.?|[^%]+", re.DOTALL)
_ZONE = re.compile(r"(.*)\[([^\[\]]*)\]", re.DOTALL)
_EXAMPLE = "2026-11-28T22:00:00+01:00"


def parse_recorded_at(value: Any) -> str:
    """Returns the option's value without surrounding spaces. Raises InvalidOption."""
    if not isinstance(value, str):
        raise _invalid(value, f"it is not a text such as {_EXAMPLE}")
    text = value.strip()
    try:
        strict_json.check(text)
    except ValueError as problem:
        raise _invalid(text, str(problem)) from None
    if "%" in text:
        KeyPattern.parse(text)
    else:
        _parse_time(text)
    return text


def resolve_recorded_at(option: str | None, key: str, read_creation_time: Callable[[], datetime | None]) -> str | None:
    """Returns when the upload `key` was recorded, in ISO 8601 with its offset from UTC, or None if that is unknown.

    The option counts before the time in the file: a file that was converted has the time of its conversion.

    Args:
        option: From `parse_recorded_at`, or None.
        read_creation_time: Reads the time in the file. Called only if the option does not say it.
    """
    time: datetime | None = None
    if option is not None:
        time = KeyPattern.parse(option).find(key) if "%" in option else _parse_time(option)
    time = time or read_creation_time()
    return time.isoformat() if time else None


def format_moment(time: datetime) -> str:
    """Formats a time for people: 2026-11-28 22:00:00 +01:00."""
    return f"{time:%Y-%m-%d %H:%M:%S %:z}"


@dataclass(frozen=True)
class KeyPattern:
    """A pattern of a time in a key.

    Attributes:
        zone: None if the key has the offset (`%z`).
    """

    expression: re.Pattern[str]
    zone: tzinfo | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidOption."""
        if len(text) > PATTERN_MAX_CHARACTERS:
            raise _invalid(text[:PATTERN_MAX_CHARACTERS], f"it is longer than {PATTERN_MAX_CHARACTERS} characters")
        with_zone = _ZONE.fullmatch(text)
        pattern, zone_name = with_zone.groups() if with_zone else (text, None)
        parts = _PART.findall(unicodedata.normalize("NFC", pattern))
        used = [part for part in parts if part in DIRECTIVES]
        _check_directives(text, parts, used)
        zone = parse_zone(zone_name) if zone_name is not None else None
        if zone_name is not None and zone is None:
            raise _invalid(text, f"there is no time zone {zone_name!r}; one is Europe/Berlin")
        if (zone is None) == ("%z" not in used):
            words = "it has a zone and %z; leave one of them out" if zone else "it has no time zone; add one"
            raise _invalid(text, f"{words}, such as {pattern.replace('%z', '')}[Europe/Berlin]")
        return cls(_compile(parts), zone)

    def find(self, key: str) -> datetime | None:
        """Returns the first time in `key`, or None.

        When clocks are put back, an hour occurs twice: a time in it counts as the first of the two. When they are put
        forward, an hour is skipped: a time in it is read with the offset from before the change.
        """
        matches = self.expression.finditer(unicodedata.normalize("NFC", key))
        return next(filter(None, (self._read(match.groupdict()) for match in matches)), None)

    def _read(self, found: Mapping[str, str]) -> datetime | None:
        year = int(found["Y"]) if "Y" in found else _expand_year(int(found["y"]))
        hour = int(found["H"]) if "H" in found else int(found["I"]) % 12 + 12 * (found["p"].lower() == "pm")
        try:
            time = datetime(
                year,
                int(found["m"]),
                int(found["d"]),
                hour,
                int(found.get("M", 0)),
                int(found.get("S", 0)),
                int(found.get("f", "0").ljust(6, "0")),
                self.zone or _parse_offset(found["z"]),
            )
        except ValueError:  # such as February 30
            return None
        return time if YEAR_MIN <= year <= YEAR_MAX else None


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        words = (
            f"it is neither an ISO 8601 time such as {_EXAMPLE} nor a pattern such as cam_%Y%m%d_%H%M%S[Europe/Berlin]"
        )
        raise _invalid(text, words) from None
    if time.tzinfo is None:
        raise _invalid(text, f"it has no time zone; add the offset from UTC, such as {_EXAMPLE}")
    if not YEAR_MIN <= time.year <= YEAR_MAX:
        raise _invalid(text, f"its year is not between {YEAR_MIN} and {YEAR_MAX}")
    return time


def _check_directives(text: str, parts: list[str], used: list[str]) -> None:
    known = ", ".join(DIRECTIVES)
    for part in parts:
        if part.startswith("%") and part != "%%" and part not in DIRECTIVES:
            raise _invalid(text, f"{part} is not a directive; the directives are {known}, and %% for a percent sign")
        if used.count(part) > 1:
            raise _invalid(text, f"{part} is in it twice")
    counts = {name: sum(choice <= set(used) for choice in choices) for name, choices in _NEEDED.items()}
    if missing := [name for name, count in counts.items() if not count]:
        raise _invalid(text, f"it lacks {', '.join(missing)}")
    for name, count in counts.items():
        if count > 1:
            raise _invalid(text, f"it has {name} twice; keep one of them")


def _compile(parts: list[str]) -> re.Pattern[str]:
    """Returns the expression. No digit may touch the time, so that it is not read out of a longer number."""
    expressions = [
        f"(?P<{part[1]}>{DIRECTIVES[part]})" if part in DIRECTIVES else re.escape(part.replace("%%", "%"))
        for part in parts
    ]
    before = "(?<![0-9])" if parts[0] in DIRECTIVES else ""
    after = "(?![0-9])" if parts[-1] in DIRECTIVES else ""
    return re.compile(before + "".join(expressions) + after)


def _expand_year(year: int) -> int:
    """As POSIX and `strptime` do: 69 to 99 are in the 20th century."""
    return year + (1900 if year >= 69 else 2000)


def _parse_offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _invalid(value: Any, words: str) -> InvalidOption:
    return InvalidOption(f"recorded_at: {value!r}: {words}.")
