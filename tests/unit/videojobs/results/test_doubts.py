"""Doubts about conditions that did not hold: the notice is rather sent than never."""

from collections.abc import Collection
from typing import Any

import pytest

from videojobs.jobs.notify_when import NotifyWhen, parse_notify_when
from videojobs.jobs.options import Model
from videojobs.results.doubts import ModelFindings, doubt_boxes, doubt_classes, doubt_failures, doubt_unread
from videojobs.results.rules import RuleOutcome, RulesOutcome


def make(*conditions: dict[str, Any], held: bool = False) -> tuple[RulesOutcome, NotifyWhen]:
    notify_when = parse_notify_when(list(conditions))
    outcomes = tuple(RuleOutcome(name=condition.name, held=held) for condition in notify_when.conditions)
    return RulesOutcome(combination="any", conditions=outcomes), notify_when


def found(
    model_id: str = "coco",
    inference_type: str = "object-detection",
    *,
    failed: int = 0,
    classes: Collection[str] = (),
) -> ModelFindings:
    return ModelFindings(Model(model_id, "1", inference_type), frames=20, failed_frames=failed, classes=classes)


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
    outcome, notify_when = make({"class": "person"})
    assert doubt_failures(outcome, notify_when, [found(failed=10)]) is outcome
    doubted = doubt_failures(outcome, notify_when, [found(failed=11)])
    assert (doubted.held, doubted.problem) == (None, "coco failed on 11 of 20 frames")


def test_a_failed_model_that_a_condition_is_not_about_says_nothing_against_it() -> None:
    outcome, notify_when = make(
        {"class": "person", "min_count": 9}, {"class": "dog"}, {"min_count": 9}, {"region": "dock"}
    )
    works, fails = found("coco", classes=["person"]), found("tools", failed=11, classes=["hammer"])
    doubted = doubt_failures(outcome, notify_when, [works, fails])
    assert [condition.held for condition in doubted.conditions] == [False, None, None, None]
    assert doubted.problem == "tools failed on 11 of 20 frames"
    both = doubt_failures(outcome, notify_when, [works, found("tools", failed=11, classes=["person"])])
    assert [condition.held for condition in both.conditions] == [None, None, None, None]
    alone = doubt_failures(outcome, notify_when, [found("coco", failed=20, classes=["person"]), fails])
    assert [condition.held for condition in alone.conditions] == [None, None, None, None]
    labels = doubt_failures(outcome, notify_when, [works, found("days", "classification", failed=20)])
    assert [condition.held for condition in labels.conditions] == [False, None, None, False]


def test_places_and_objects_need_a_model_that_finds_boxes() -> None:
    outcome, notify_when = make({"class": "cat"}, {"min_tracks": 2}, {"region": "dock"})
    labels, boxes = Model("a", "1", "classification"), Model("b", "1", "object-detection")
    assert doubt_boxes(outcome, notify_when, [labels, boxes]) is outcome
    doubted = doubt_boxes(outcome, notify_when, [labels])
    assert [condition.held for condition in doubted.conditions] == [False, None, None]
    assert doubted.problem == "they need boxes, and classification has none"


def test_conditions_are_doubted_if_results_can_not_be_read() -> None:
    outcome, _ = make({"class": "person"})
    assert doubt_unread(outcome, "depths", 0) is outcome
    doubted = doubt_unread(outcome, "depths", 1)
    assert (doubted.held, doubted.problem) == (None, "the results of depths are of an unknown type")
