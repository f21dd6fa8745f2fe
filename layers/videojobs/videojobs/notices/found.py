"""What a job found, as short lists of names for subscriptions and rules: in a notice's attributes and in the event."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from videojobs.foreign_text import printable
from videojobs.outputs.summary import Summary
from videojobs.results.rules import RulesOutcome

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

NAMES_MAX_BYTES = 6_000
"""Maximum size of one list as JSON. With the key's folder, the attributes of a notice then have less than 25 KB, which
count towards SNS's 256 KB.

Source: https://docs.aws.amazon.com/sns/latest/api/API_MessageAttributeValue.html
"""

NAME_MAX_CHARACTERS = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """Names of what a job found.

    Attributes:
        classes: The most frequent first.
        regions: The polygons that objects entered, and the lines that they crossed.
        rules: The conditions of `notify_when` that held.
    """

    classes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @classmethod
    def select(cls, summary: Summary | None, rules: RulesOutcome | None) -> Self:
        """Returns the names in a summary, those that fit."""
        models = list(summary.models.values()) if summary else []
        ranked = sorted((entry for model in models for entry in model.classes.items()), key=lambda it: -it[1].count)
        regions = (name for model in models for name, found in model.regions.items() if found)
        held = rules.matched if rules else ()
        return cls(
            classes=_cap(name for name, _ in ranked), regions=_cap(regions), rules=_cap(rule.name for rule in held)
        )


def compose_attributes(outcome: str, prefix: str, found: Found) -> Mapping[str, "MessageAttributeValueTypeDef"]:
    """Returns a notice's attributes, for subscription filter policies. What is empty is left out, as SNS requires.

    Lists are JSON in ASCII: SNS decodes their escapes, and restricts the characters of a value like those of a message.
    """
    attributes: dict[str, MessageAttributeValueTypeDef] = {"outcome": {"DataType": "String", "StringValue": outcome}}
    if prefix:
        attributes["prefix"] = {"DataType": "String", "StringValue": prefix}
    for name, names in (("classes", found.classes), ("regions", found.regions), ("rules", found.rules)):
        if names:
            attributes[name] = {"DataType": "String.Array", "StringValue": json.dumps(names)}
    return attributes


def _cap(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the first names that fit, each once, without invisible characters."""
    capped: dict[str, None] = {}
    used = 2
    for name in names:
        shown = printable(name, NAME_MAX_CHARACTERS)
        used += len(json.dumps(shown)) + 2
        if used > NAMES_MAX_BYTES:
            break
        capped[shown] = None
    return tuple(capped)
