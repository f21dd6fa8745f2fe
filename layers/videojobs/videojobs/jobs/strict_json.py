"""Parses untrusted JSON strictly, so that DynamoDB can store its values, and they can be logged and sent on."""

import json
from decimal import Decimal
from typing import Any

DIGITS_MAX = 38
NUMBER_MIN, NUMBER_MAX = Decimal("1e-130"), Decimal("9.9999999999999999999999999999999999999e125")
"""DynamoDB's limits for the absolute value of a number that is not 0.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

DEPTH_MAX = 16
"""DynamoDB allows 32 levels of nesting, and the ledger's item uses some of them."""


def parse(text: str) -> Any:
    """Parses the JSON `text`.

    Raises:
        ValueError: It is not JSON, or DynamoDB can't store its value; the message says why.
    """
    value = load(text)
    check(value)
    return value


def load(text: str) -> Any:
    """Parses the JSON `text`, whose value need not fit DynamoDB. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_make_object)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep") from None


def check(value: Any, depth: int = 1) -> None:
    """Raises ValueError if DynamoDB can't store `value`, which consists of JSON's types."""
    if depth > DEPTH_MAX and isinstance(value, list | dict):
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
    match value:
        case bool() | None:
            pass
        case int() | float():
            _check_number(value)
        case str():
            _check_text(value)
        case list():
            for entry in value:
                check(entry, depth + 1)
        case dict():
            for name, entry in value.items():
                _check_text(name)
                if not name:
                    raise ValueError("a name is empty")
                check(entry, depth + 1)


def _check_number(value: float) -> None:
    number = Decimal(repr(value))
    if not number.is_finite():
        raise ValueError("a number is too large")
    if number and not NUMBER_MIN <= abs(number) <= NUMBER_MAX:
        raise ValueError("a number is not 0 and not between 1e-130 and 9.9e125")
    if len(number.as_tuple().digits) > DIGITS_MAX:
        raise ValueError(f"a number has more than {DIGITS_MAX} digits")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a string contains half of a surrogate pair") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("an object has the same name twice")
    return made
