"""Doubts about conditions that did not hold: then the notice is sent, and says why.

A pipeline does not know a model's classes. So a condition about `persn` would never hold, and nobody would learn of it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from videojobs.foreign_text import printable
from videojobs.jobs.notify_when import Condition, NotifyWhen
from videojobs.jobs.options import Model
from videojobs.results.rules import RulesOutcome

TYPES_WITHOUT_BOXES = ("classification", "clip-embed-image")

FAILED_SHARE = 0.5
"""If a model failed on a larger share of the frames, what it did not find says nothing."""

MISSPELLED_CHARACTERS = 5
"""The shortest name of which another may be a misspelling: `cat` and `cart` are two classes."""

NAME_MAX_CHARACTERS = 60


@dataclass(frozen=True)
class ModelFindings:
    """What a model found in a video.

    Attributes:
        classes: Those of its predictions that count.
    """

    model: Model
    frames: int
    failed_frames: int
    classes: Collection[str]

    @property
    def is_doubtful(self) -> bool:
        return self.failed_frames > FAILED_SHARE * self.frames

    def may_meet(self, condition: Condition, others: Sequence[Self]) -> bool:
        """Returns whether the model may find what a condition is about, as far as the video tells."""
        if condition.needs_boxes and self.model.inference_type in TYPES_WITHOUT_BOXES:
            return False
        # A class that only another model found, which did not fail, is that model's.
        name = condition.class_name
        return name in self.classes or not any(name in other.classes and not other.is_doubtful for other in others)


def doubt_failures(outcome: RulesOutcome, notify_when: NotifyWhen, models: Sequence[ModelFindings]) -> RulesOutcome:
    """Returns the outcome, with unknown conditions instead of those that a model might have met that failed often."""
    for found in models:
        if found.is_doubtful:
            numbers = [
                number for number, condition in enumerate(notify_when.conditions) if found.may_meet(condition, models)
            ]
            name = printable(found.model.model_id, NAME_MAX_CHARACTERS)
            problem = f"{name} failed on {found.failed_frames:,} of {found.frames:,} frames"
            outcome = _doubt(outcome, numbers, problem)
    return outcome


def doubt_unread(outcome: RulesOutcome, model_id: str, unread_frames: int) -> RulesOutcome:
    """Returns the outcome, with unknown conditions instead of those that did not hold if results can't be read."""
    if not unread_frames:
        return outcome
    name = printable(model_id, NAME_MAX_CHARACTERS)
    return _doubt(outcome, range(len(outcome.conditions)), f"the results of {name} are of an unknown type")


def doubt_boxes(outcome: RulesOutcome, notify_when: NotifyWhen, models: Sequence[Model]) -> RulesOutcome:
    """Returns the outcome, with unknown conditions instead of those that need boxes if no model finds any."""
    if not all(model.inference_type in TYPES_WITHOUT_BOXES for model in models):
        return outcome
    numbers = [number for number, condition in enumerate(notify_when.conditions) if condition.needs_boxes]
    types = ", ".join(dict.fromkeys(model.inference_type for model in models))
    return _doubt(outcome, numbers, f"they need boxes, and {types} has none")


def doubt_classes(outcome: RulesOutcome, notify_when: NotifyWhen, found: Collection[str]) -> RulesOutcome:
    """Returns the outcome, with unknown conditions instead of those whose class may be misspelled.

    Args:
        found: The classes in the results, also those that don't count.
    """
    for number, condition in enumerate(notify_when.conditions):
        if similar := next(_find_similar(condition, found), None):
            asked, meant = (printable(name, NAME_MAX_CHARACTERS) for name in (condition.class_name or "", similar))
            problem = f"nothing has the class {asked!r}, but there is {meant!r}"
            outcome = _doubt(outcome, [number], problem)
    return outcome


def _find_similar(condition: Condition, found: Collection[str]) -> Iterator[str]:
    name = condition.class_name
    if name is not None and name not in found:
        yield from (other for other in sorted(found) if _is_misspelled(_fold(name), _fold(other)))


def _fold(name: str) -> str:
    """Returns a name without differences that people overlook: `hardhat` for `Hard-Hat`."""
    return "".join(name.casefold().replace("-", "").replace("_", "").split())


def _is_misspelled(one: str, other: str) -> bool:
    """Returns whether two names are the same, or differ by one character too many or two that are swapped.

    Names of different things often differ by more, or by another character: `mask` and `no-mask`, `man` and `woman`,
    `class 1` and `class 2`, `plate` and `plane`.
    """
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) < MISSPELLED_CHARACTERS:
        return False
    if len(long) == len(short):
        return any(
            short[:place] + short[place : place + 2][::-1] + short[place + 2 :] == long for place in range(len(short))
        )
    left_out = [place for place in range(len(long)) if long[:place] + long[place + 1 :] == short]
    return bool(left_out) and not long[left_out[0]].isdecimal()


def _doubt(outcome: RulesOutcome, numbers: Sequence[int], problem: str) -> RulesOutcome:
    conditions = [
        replace(condition, held=None) if number in numbers and condition.held is False else condition
        for number, condition in enumerate(outcome.conditions)
    ]
    if conditions == list(outcome.conditions):
        return outcome
    return replace(outcome, conditions=tuple(conditions), problem=outcome.problem or problem)
