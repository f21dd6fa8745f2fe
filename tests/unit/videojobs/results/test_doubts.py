"""Doubts about conditions that did not hold: the notice is rather sent than never."""

from typing import Any

import pytest

from videojobs.jobs.notify_when import NotifyWhen, parse_notify_when
from videojobs.jobs.options import Model
from videojobs.results.doubts import doubt_boxes, doubt_classes, doubt_failures
from videojobs.results.rules import RuleOutcome, RulesOutcome


def make(*conditions: dict[str, Any], held: bool = False) -> tuple[RulesOutcome, NotifyWhen]:
    notify_when = parse_notify_when(list(conditions))
    outcomes = tuple(RuleOutcome(name=condition.name, held=held) for condition in notify_when.conditions)
    return RulesOutcome(combination="any", conditions=outcomes), notify_when


@pytest.mark.parametrize(
    ("asked", "found", "meant"),
    [
        ("persn", ["person", "car"], "person"),
        ("rock", ["Rock"], "Rock"),
        ("hard  hat", ["Hard hat"], "Hard hat"),
        (" person", ["person"], "person"),
        ("perosn", ["person"], "person"),
        ("trucks", ["bus", "truck"], "truck"),
        ("hard-hat", ["Hardhat", "NO-Hardhat"], "Hardhat"),
    ],
)
def test_a_class_that_is_like_one_that_was_found_is_doubted(asked: str, found: list[str], meant: str) -> None:
    outcome = doubt_classes(*make({"class": asked}), found)
    assert outcome.held is None
    assert outcome.problem == f"nothing has the class {asked!r}, but there is {meant!r}"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("person", []),
        ("person", ["person"]),
        ("car", ["cat", "cart", "chair", "truck"]),
        ("woman", ["man"]),
        ("no-helmet", ["helmet"]),
        ("NO-Hardhat", ["Hardhat"]),
        ("without_mask", ["with_mask"]),
        ("unripe", ["ripe"]),
        ("forklift_loaded", ["forklift_unloaded"]),
        ("class 1", ["class 2", "class 11"]),
        ("keyboard", ["skateboard"]),
        ("plate", ["plane"]),
    ],
)
def test_a_class_that_was_found_or_is_like_none_is_not_doubted(asked: str, found: list[str]) -> None:
    outcome, notify_when = make({"class": asked})
    assert doubt_classes(outcome, notify_when, found) is outcome


def test_a_condition_that_held_is_not_doubted() -> None:
    outcome, notify_when = make({"class": "persn"}, held=True)
    assert doubt_classes(outcome, notify_when, ["person"]) is outcome


def test_what_a_model_did_not_find_says_nothing_if_it_failed_on_most_frames() -> None:
    outcome, _ = make({"class": "person"})
    assert doubt_failures(outcome, "coco", 20, 10) is outcome
    doubted = doubt_failures(outcome, "coco", 20, 11)
    assert (doubted.held, doubted.problem) == (None, "coco failed on 11 of 20 frames")


def test_places_and_objects_need_a_model_that_finds_boxes() -> None:
    outcome, notify_when = make({"class": "cat"}, {"min_tracks": 2}, {"region": "dock"})
    labels, boxes = Model("a", "1", "classification"), Model("b", "1", "object-detection")
    assert doubt_boxes(outcome, notify_when, [labels, boxes]) is outcome
    doubted = doubt_boxes(outcome, notify_when, [labels])
    assert [condition.held for condition in doubted.conditions] == [False, None, None]
    assert doubted.problem == "they need boxes, and classification has none"
