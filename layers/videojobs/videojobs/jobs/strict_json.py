"""JSON of strangers, held to what the ledger can hold: what passes here can be written down, logged and sent on."""

import json
from decimal import Decimal
from typing import Any

DIGITS_MAX = 38
NUMBER_MIN, NUMBER_MAX = Decimal("1e-130"), Decimal("9.9999999999999999999999999999999999999e125")
"""What DynamoDB holds of a number that is not 0, in either sign.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

DEPTH_MAX = 16
"""DynamoDB nests 32 levels, and the ledger has some of them for itself."""


def parse(text: str) -> Any:
    """The value in `text`, whose numbers, names and texts the ledger can hold.

    Raises:
        ValueError: It is not JSON, or holds something else; says what.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_make_object)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep") from None
    check(value)
    return value


def check(value: Any, depth: int = 1) -> None:
    """Raises ValueError: `value`, which is made of what JSON is made of, is not one that the ledger can hold."""
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
        raise ValueError("a text holds half of a surrogate pair, which is no character") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name is there twice in one object")
    return made
