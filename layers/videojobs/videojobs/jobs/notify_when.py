"""Conditions for sending the notice of a job's results, from the option `notify_when`.

    {"any": [{"name": "night visit", "class": "person", "region": "yard", "between": ["22:00", "06:00"],
              "time_zone": "Europe/Berlin"},
             {"class": "truck", "region": "dock", "min_dwell_seconds": 600},
             {"class": "person", "line": "door", "direction": "in", "min_tracks": 50}]}

All fields of one condition hold for the same predictions.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from videojobs.errors import InvalidOption
from videojobs.foreign_text import printable
from videojobs.jobs.regions import NAME_MAX_CHARACTERS, Direction, Region, read_name
from videojobs.jobs.time_zones import parse_zone

CONDITIONS_MAX = 20

NUMBER_MAX = 10_000
"""Maximum of `min_count` and `min_tracks`."""

DWELL_MAX_SECONDS = 366 * 24 * 3600

Combination = Literal["any", "all"]
"""How many of the conditions have to hold."""

_FIELDS = (
    "name",
    "class",
    "min_confidence",
    "region",
    "line",
    "direction",
    "min_count",
    "min_dwell_seconds",
    "min_tracks",
    "between",
    "time_zone",
)
_NEEDED = (
    'it is not a list of conditions such as [{"class": "person"}], or an object such as {"all": [{"class": "person"}]}'
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, kw_only=True)
class Hours:
    """The hours of a day in a time zone, from `start` to before `end`; across midnight if `end` is earlier."""

    start: time
    end: time
    zone: ZoneInfo

    def include(self, moment: datetime) -> bool:
        """Returns whether `moment`, which has a time zone, is within the hours."""
        clock = moment.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition. None means that the field is not set.

    Attributes:
        given: The fields as they were given, for `to_dict`.
        class_name: The field `class`.
        region: The name of a polygon.
        line: The name of a line, which has to be crossed.
        min_count: Least number of objects in one sampled frame; of predictions without tracking.
        min_dwell_seconds: How long one object stays, at least.
        min_tracks: Least number of different objects in the video; with a line, of crossings.
        hours: The fields `between` and `time_zone`.
    """

    given: Mapping[str, Any]
    name: str
    class_name: str | None = None
    min_confidence: float | None = None
    region: str | None = None
    line: str | None = None
    direction: Direction | None = None
    min_count: int | None = None
    min_dwell_seconds: float | None = None
    min_tracks: int | None = None
    hours: Hours | None = None

    @classmethod
    def parse(cls, data: Any, place: str) -> Self:
        """Reads one condition. Raises InvalidOption, which begins with `place`."""
        if not isinstance(data, Mapping):
            raise InvalidOption(f'{place}: it is not an object such as {{"class": "person", "min_count": 3}}.')
        for spelled in data:
            if spelled not in _FIELDS:
                raise InvalidOption(f"{place}: there is no field {spelled!r}{suggest(spelled, _FIELDS, 'fields')}")
        if "name" in data:
            place = f"notify_when: {read_name(data['name'], place)!r}"
        if not data.keys() - {"name"}:
            raise InvalidOption(f'{place}: it has no condition; {{"min_count": 1}} holds if anything is found.')
        _check_combination(data, place)
        condition = cls(
            given=_restore_integers(data),
            name=data.get("name", ""),
            class_name=_read_text(data, "class", place),
            min_confidence=_read_number(data, "min_confidence", place, at_most=1),
            region=_read_text(data, "region", place),
            line=_read_text(data, "line", place),
            direction=_read_direction(data, place),
            min_count=_read_integer(data, "min_count", place),
            min_dwell_seconds=_read_number(data, "min_dwell_seconds", place, at_most=DWELL_MAX_SECONDS),
            min_tracks=_read_integer(data, "min_tracks", place),
            hours=_read_hours(data, place),
        )
        return condition if condition.name else replace(condition, name=compose_name(data))

    @property
    def needs_tracks(self) -> bool:
        return self.line is not None or self.min_dwell_seconds is not None or self.min_tracks is not None

    @property
    def needs_events(self) -> bool:
        """Whether it is evaluated by events: by crossings of a line, or visits of a polygon."""
        if self.region is None or self.min_dwell_seconds is None:
            return self.line is not None
        return self.min_confidence is None and self.hours is None

    @property
    def needs_boxes(self) -> bool:
        return self.needs_tracks or self.region is not None

    def check(self, regions: Sequence[Region], classes: Collection[str], *, track: bool) -> None:
        """Raises InvalidOption if the condition doesn't go with the other options."""
        place = f"notify_when: {self.name!r}"
        if self.needs_tracks and not track:
            fields = [name for name in ("line", "min_dwell_seconds", "min_tracks") if name in self.given]
            words = "needs the track IDs of objects. Set the option track to true"
            raise InvalidOption(f"{place}: {fields[0]} {words}.", remedy={"track": "true"})
        for kind, name in (("region", self.region), ("line", self.line)):
            if name is not None:
                region = _find_region(name, kind, regions, place)
                if self.class_name is not None and not region.counts(self.class_name):
                    words = f"{self.class_name!r} does not count in {name!r}"
                    raise InvalidOption(f"{place}: class: {words}{suggest(self.class_name, region.classes, 'classes')}")
        if self.class_name is not None and classes and self.class_name not in classes:
            words = f"the option classes has no {self.class_name!r}"
            raise InvalidOption(f"{place}: class: {words}{suggest(self.class_name, classes, 'classes')}")


@dataclass(frozen=True, kw_only=True)
class NotifyWhen:
    """The option `notify_when`. Without conditions, every notice is sent."""

    conditions: tuple[Condition, ...] = ()
    combination: Combination = field(default="any")

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def to_dict(self) -> dict[str, Any]:
        """Returns what `parse_notify_when` reads."""
        return {self.combination: [dict(condition.given) for condition in self.conditions]}

    @property
    def needs_tracks(self) -> bool:
        return any(condition.needs_tracks for condition in self.conditions)

    def check(self, regions: Sequence[Region], classes: Collection[str], *, track: bool) -> None:
        """Raises InvalidOption if a condition doesn't go with the other options."""
        for condition in self.conditions:
            condition.check(regions, classes, track=track)

    def check_clock(self, recorded_at: str | None) -> None:
        """Raises InvalidOption if a condition names hours, but nothing says when the video was recorded."""
        if recorded_at is not None:
            return
        for condition in self.conditions:
            if condition.hours is not None:
                words = "nothing says when the video was recorded. Set the metadata recorded-at"
                raise InvalidOption(f"notify_when: {condition.name!r}: between: {words}.", remedy={"recorded-at": ""})


def parse_notify_when(value: Any) -> NotifyWhen:
    """Reads the option `notify_when`. Raises InvalidOption, which names the condition and the field."""
    combination: Combination = "any"
    if isinstance(value, Mapping):
        if len(value) != 1 or not value.keys() <= set(get_args(Combination)):
            raise InvalidOption(f"notify_when: {_NEEDED}.")
        [(combination, value)] = value.items()
    if not isinstance(value, list):
        raise InvalidOption(f"notify_when: {_NEEDED}.")
    if len(value) > CONDITIONS_MAX:
        raise InvalidOption(
            f"notify_when: there are {len(value)} conditions, and at most {CONDITIONS_MAX} are possible."
        )
    conditions = tuple(
        Condition.parse(entry, f"notify_when: condition {number}") for number, entry in enumerate(value, 1)
    )
    names = [condition.name for condition in conditions]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(f"notify_when: {name!r}: two conditions have this name. Give them others.")
    return NotifyWhen(conditions=conditions, combination=combination)


def suggest(name: str, names: Collection[str], kind: str) -> str:
    """Returns the end of a sentence about a wrong name: the closest of `names`, or all of them."""
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean {close[0]}?"
    return f"; the {kind} are {', '.join(names)}." if names else f"; there are no {kind}."


def _find_region(name: str, kind: str, regions: Sequence[Region], place: str) -> Region:
    wanted = {region.name: region for region in regions if region.is_line == (kind == "line")}
    if name in wanted:
        return wanted[name]
    if any(region.name == name for region in regions):
        other = "region" if kind == "line" else "line"
        article = "polygon" if kind == "line" else "line"
        raise InvalidOption(f"{place}: {kind}: {name!r} is a {article}: use the field {other}.")
    ending = suggest(name, list(wanted), "polygons" if kind == "region" else "lines")
    raise InvalidOption(f"{place}: {kind}: the option regions has no {name!r}{ending}")


def _check_combination(data: Mapping[str, Any], place: str) -> None:
    if "direction" in data and "line" not in data:
        raise InvalidOption(f"{place}: direction: it needs a line.")
    for name in ("region", "min_count", "min_dwell_seconds"):
        if "line" in data and name in data:
            raise InvalidOption(f"{place}: {name}: it can't be combined with a line. min_tracks counts crossings.")


def _read_text(data: Mapping[str, Any], name: str, place: str) -> str | None:
    value = data.get(name)
    if name in data and not (isinstance(value, str) and value):
        raise InvalidOption(f"{place}: {name}: {_spell(value)} is not a name.")
    return value


def _read_number(data: Mapping[str, Any], name: str, place: str, *, at_most: float) -> float | None:
    if name not in data:
        return None
    value = data[name]
    if type(value) not in (int, float) or not 0 <= value <= at_most:
        raise InvalidOption(f"{place}: {name}: {_spell(value)} is not a number from 0 to {at_most}.")
    return float(value)


def _read_integer(data: Mapping[str, Any], name: str, place: str) -> int | None:
    if name not in data:
        return None
    value = data[name]
    if type(value) not in (int, float) or value != int(value) or not 1 <= value <= NUMBER_MAX:
        raise InvalidOption(f"{place}: {name}: {_spell(value)} is not a whole number from 1 to {NUMBER_MAX}.")
    return int(value)


def _restore_integers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the fields with whole numbers as integers: those of a job in the ledger are read as floats."""
    return {name: int(value) if type(value) is float and value.is_integer() else value for name, value in data.items()}


def _read_direction(data: Mapping[str, Any], place: str) -> Direction | None:
    if "direction" not in data:
        return None
    if data["direction"] not in get_args(Direction):
        raise InvalidOption(
            f"{place}: direction: {_spell(data['direction'])} is not one of {', '.join(get_args(Direction))}."
        )
    direction: Direction = data["direction"]
    return direction


def _read_hours(data: Mapping[str, Any], place: str) -> Hours | None:
    if "between" not in data and "time_zone" not in data:
        return None
    for name, example in (("between", 'hours such as ["22:00", "06:00"]'), ("time_zone", "one such as Europe/Berlin")):
        if name not in data:
            raise InvalidOption(f"{place}: {name} is missing: add {example}.")
    between, zone_name = data["between"], data["time_zone"]
    is_pair = isinstance(between, list) and len(between) == 2
    if not is_pair or not all(isinstance(clock, str) and _CLOCK.fullmatch(clock) for clock in between):
        raise InvalidOption(f'{place}: between: {_spell(between)} is not like ["22:00", "06:00"].')
    start, end = map(time.fromisoformat, between)
    if start == end:
        raise InvalidOption(f"{place}: between: it begins and ends at the same time.")
    zone = parse_zone(zone_name) if isinstance(zone_name, str) else None
    if zone is None:
        words = f"{_spell(zone_name)} is not an IANA time zone such as Europe/Berlin"
        raise InvalidOption(f"{place}: time_zone: {words}.")
    return Hours(start=start, end=end, zone=zone)


def _spell(value: Any) -> str:
    """Returns a value as it was given: in JSON."""
    return printable(json.dumps(value, ensure_ascii=False))


def compose_name(data: Mapping[str, Any]) -> str:
    """Returns a readable name for a condition without one: `person in yard, at least 3 at once`.

    Args:
        data: The fields of a valid condition.
    """
    words = [data.get("class", "anything")]
    if "line" in data:
        words += ["across", data["line"], *([data["direction"]] if "direction" in data else [])]
    if "region" in data:
        words += ["in", data["region"]]
    return printable(", ".join([" ".join(words), *_describe_limits(data)]), NAME_MAX_CHARACTERS)


def _describe_limits(data: Mapping[str, Any]) -> Iterable[str]:
    if "min_count" in data:
        yield f"at least {data['min_count']:g} at once"
    if "min_dwell_seconds" in data:
        yield f"for {data['min_dwell_seconds']:g} s"
    if "min_tracks" in data:
        yield f"at least {data['min_tracks']:g} {'times' if 'line' in data else 'different'}"
    if "between" in data:
        yield f"from {data['between'][0]} to {data['between'][1]}"
    if "min_confidence" in data:
        yield f"confidence at least {data['min_confidence']:g}"
