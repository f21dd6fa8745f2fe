"""The option `notify_when`: what is read, and how each mistake is named."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from videojobs.errors import InvalidOption
from videojobs.jobs.notify_when import parse_notify_when
from videojobs.jobs.options import Options, resolve_options

HANDS = {"model_id": "hands", "model_version": "4", "inference_type": "object-detection"}
DEFAULTS = {"models": [HANDS], "infer_fps": 5.0, "input_mode": "presigned", "annotate": False, "track": True}
REGIONS = [
    {"name": "dock", "polygon": [[0, 0], [1, 0], [1, 1]], "classes": ["truck", "van"]},
    {"name": "door", "line": [[0, 0], [1, 1]]},
]
NIGHT = {"class": "person", "between": ["22:00", "06:00"], "time_zone": "Europe/Berlin"}


def resolve(notify_when: Any, **options: Any) -> Options:
    routes = {"": {"notify_when": notify_when, "regions": REGIONS, **options}}
    return resolve_options("a.mp4", {}, routes=routes, defaults=DEFAULTS)


def test_a_plain_list_means_any() -> None:
    [condition] = resolve([{"class": "truck", "region": "dock", "min_count": 2}]).notify_when.conditions
    assert (condition.class_name, condition.region, condition.min_count) == ("truck", "dock", 2)
    assert resolve([{"min_count": 1}]).notify_when.combination == "any"
    assert resolve({"all": [{"min_count": 1}]}).notify_when.combination == "all"


def test_metadata_sets_it_as_json_and_an_empty_list_turns_a_route_s_off() -> None:
    routes = {"": {"notify_when": [{"min_count": 1}]}}
    assert not resolve_options("a.mp4", {"notify-when": "[]"}, routes=routes, defaults=DEFAULTS).notify_when
    given = resolve_options("a.mp4", {"notify-when": '{"all": [{"class": "x"}]}'}, routes=routes, defaults=DEFAULTS)
    assert given.to_dict()["notify_when"] == {"all": [{"class": "x"}]}


@pytest.mark.parametrize(
    "condition",
    [
        {"name": "Visit", "class": "person", "min_confidence": 0.5, "min_count": 3, "min_tracks": 4},
        {"line": "door", "direction": "in", "min_tracks": 50},
        {"region": "dock", "min_dwell_seconds": 90.5, **NIGHT, "class": "truck"},
    ],
)
def test_a_job_in_the_ledger_keeps_it(condition: dict[str, Any]) -> None:
    options = resolve({"all": [condition]})
    from_ledger = json.loads(json.dumps(options.to_dict()), parse_int=float)
    from_ledger["regions"] = options.to_dict()["regions"]
    assert Options.parse(from_ledger) == options
    assert options.to_dict()["notify_when"] == {"all": [condition]}


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ({"class": "truck", "region": "dock", "min_dwell_seconds": 90}, "truck in dock, for 90 s"),
        ({"line": "door", "direction": "in", "min_tracks": 5}, "anything across door in, at least 5 times"),
        ({**NIGHT, "min_count": 2}, "person, at least 2 at once, from 22:00 to 06:00"),
        (
            {"class": "a\nb", "min_tracks": 2, "min_confidence": 0.5},
            r"a\nb, at least 2 different, confidence at least 0.5",
        ),
    ],
)
def test_a_condition_without_a_name_gets_a_readable_one(condition: dict[str, Any], name: str) -> None:
    assert parse_notify_when([condition]).conditions[0].name == name


@pytest.mark.parametrize(
    ("notify_when", "words"),
    [
        ("x", 'it is not a list of conditions such as [{"class": "person"}], or an object such as {"all": '),
        ({"class": "person"}, "it is not a list of conditions such as "),
        ({"any": [], "all": []}, "it is not a list of conditions such as "),
        ({"some": []}, "it is not a list of conditions such as "),
        ([{"min_count": 1}, 3], "condition 2: it is not an object"),
        ([{"name": "n", "min_count": 1}] * 2, "'n': two conditions have this name. Give them others."),
        ([{"name": str(number), "min_count": 1} for number in range(21)], "there are 21 conditions, and at most 20"),
        ([{"min_counts": 1}], "condition 1: there is no field 'min_counts'; did you mean min_count?"),
        ([{"zzz": 1}], "condition 1: there is no field 'zzz'; the fields are name, class, "),
        ([{}], "condition 1: it has no condition"),
        ([{"name": "a\nb", "min_count": 1}], "condition 1: name: a name has 1 to 60 printable characters"),
        ([{"name": "n", "min_count": 0}], "'n': min_count: 0 is not a whole number from 1 to 10000."),
        ([{"min_count": True}], "condition 1: min_count: true is not a whole number"),
        ([{"min_count": 1.5}], "condition 1: min_count: 1.5 is not a whole number"),
        ([{"min_tracks": "3"}], 'condition 1: min_tracks: "3" is not a whole number'),
        ([{"min_confidence": 50}], "condition 1: min_confidence: 50 is not a number from 0 to 1."),
        ([{"min_dwell_seconds": -1}], "condition 1: min_dwell_seconds: -1 is not a number from 0 to "),
        ([{"class": 3}], "condition 1: class: 3 is not a name."),
        ([{"line": "door", "direction": "up"}], 'condition 1: direction: "up" is not one of in, out.'),
        ([{"class": "a", "direction": "in"}], "condition 1: direction: it needs a line."),
        ([{"line": "door", "min_count": 2}], "condition 1: min_count: it can't be combined with a line."),
        ([{"line": "door", "region": "dock"}], "condition 1: region: it can't be combined with a line."),
        ([{"region": "dook"}], "'anything in dook': region: the option regions has no 'dook'; did you mean dock?"),
        ([{"name": "n", "region": "yard"}], "'n': region: the option regions has no 'yard'; the polygons are dock."),
        ([{"name": "n", "line": "dock"}], "'n': line: 'dock' is a polygon: use the field region."),
        ([{"name": "n", "region": "door"}], "'n': region: 'door' is a line: use the field line."),
        (
            [{"name": "n", "region": "dock", "class": "trucks"}],
            "'n': class: 'trucks' does not count in 'dock'; did you mean ",
        ),
        ([{"between": ["22:00", "06:00"]}], "condition 1: time_zone is missing: add one such as Europe/Berlin."),
        ([{"time_zone": "UTC"}], 'condition 1: between is missing: add hours such as ["22:00", "06:00"].'),
        (
            [{**NIGHT, "between": ["22", "06:00"]}],
            'condition 1: between: ["22", "06:00"] is not like ["22:00", "06:00"].',
        ),
        ([{**NIGHT, "between": ["24:00", "06:00"]}], 'condition 1: between: ["24:00", "06:00"] is not like'),
        ([{**NIGHT, "between": ["06:00", "06:00"]}], "condition 1: between: it begins and ends at the same time."),
        ([{**NIGHT, "time_zone": "Berlin"}], 'condition 1: time_zone: "Berlin" is not an IANA time zone'),
        ([{**NIGHT, "time_zone": "../x"}], 'condition 1: time_zone: "../x" is not an IANA time zone'),
        ([{**NIGHT, "time_zone": "localtime"}], 'condition 1: time_zone: "localtime" is not an IANA time zone'),
    ],
)
def test_a_mistake_is_rejected_with_its_place(notify_when: Any, words: str) -> None:
    metadata = {"notify-when": json.dumps(notify_when), "regions": json.dumps(REGIONS)}
    with pytest.raises(InvalidOption, match=f"^notify_when: {re.escape(words)}"):
        resolve_options("a.mp4", metadata, routes={}, defaults=DEFAULTS)


@pytest.mark.parametrize("field", ["min_dwell_seconds", "min_tracks"])
def test_what_needs_tracks_is_rejected_without_them(field: str) -> None:
    metadata = {"notify-when": json.dumps([{"name": "n", field: 2}]), "track": "false"}
    words = f"^notify_when: 'n': {field} needs the track IDs of objects. Set the option track to true."
    with pytest.raises(InvalidOption, match=words):
        resolve_options("a.mp4", metadata, routes={}, defaults=DEFAULTS)


def test_a_class_that_does_not_count_is_rejected() -> None:
    with pytest.raises(InvalidOption, match=r"the option classes has no 'preson'; did you mean person\?"):
        resolve([{"class": "preson"}], classes=["person"])


def test_hours_are_rejected_if_nothing_says_when_the_video_was_recorded() -> None:
    notify_when = parse_notify_when([{"min_count": 1}, NIGHT])
    notify_when.check_clock("2026-11-28T22:00:00+01:00")
    with pytest.raises(InvalidOption, match=r"^notify_when: 'person, from 22:00 to 06:00': between: nothing says when"):
        notify_when.check_clock(None)
    parse_notify_when([{"min_count": 1}]).check_clock(None)


@pytest.mark.parametrize(
    ("between", "hour", "is_included"),
    [
        (["22:00", "06:00"], 20, False),
        (["22:00", "06:00"], 21, True),
        (["22:00", "06:00"], 4, True),
        (["22:00", "06:00"], 5, False),
        (["08:00", "17:00"], 6, False),
        (["08:00", "17:00"], 7, True),
        (["08:00", "17:00"], 16, False),
    ],
)
def test_hours_are_those_of_the_time_zone(between: list[str], hour: int, is_included: bool) -> None:
    """In November, Berlin is an hour ahead of UTC."""
    hours = parse_notify_when([{**NIGHT, "between": between}]).conditions[0].hours
    assert hours is not None
    assert hours.include(datetime(2026, 11, 28, hour, 0, tzinfo=UTC)) == is_included
