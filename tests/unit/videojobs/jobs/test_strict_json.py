"""JSON that passes can be stored in DynamoDB and read back unchanged."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from videojobs.jobs import strict_json
from videojobs.jobs.ledger import _to_item

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


def to_decimals(value: Any) -> Any:
    """The value as DynamoDB returns it."""
    match value:
        case bool():
            return value
        case int() | float():
            return Decimal(repr(value))
        case list():
            return [to_decimals(entry) for entry in value]
        case dict():
            return {name: to_decimals(entry) for name, entry in value.items()}
    return value


@pytest.mark.slow
@given(values)
@settings(max_examples=1000, deadline=None)
def test_json_that_passes_can_be_stored_logged_and_sent(value: Any) -> None:
    try:
        read = strict_json.parse(json.dumps(value))
    except ValueError:
        return
    serialized = TypeSerializer().serialize(_to_item(read))
    assert TypeDeserializer().deserialize(serialized) == to_decimals(read)
    json.dumps(read, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NaN", "NaN is not a JSON number"),
        ("[Infinity]", "Infinity is not a JSON number"),
        ("1e400", "too large"),
        ("-1e400", "too large"),
        ("1e200", "not between 1e-130 and 9.9e125"),
        ("1e-200", "not between 1e-130 and 9.9e125"),
        ("1e-400", None),  # which is read as 0
        ("1" * 38, None),
        ("1" * 39, "more than 38 digits"),
        ("1" * 50, "more than 38 digits"),
        ("1" * 5000, "digits"),
        (r'"\ud800"', "half of a surrogate pair"),
        (r'{"\udfff": 1}', "half of a surrogate pair"),
        (r'"\ud83d\ude00"', None),
        ('{"": 1}', "a name is empty"),
        ('{"a": 1, "a": 2}', "same name twice"),
        ("[" * 17 + "]" * 17, "more than 16 levels"),
        ("[" * 100_000 + "]" * 100_000, "more than 16 levels"),
        ("[" * 16 + "]" * 16, None),
        ("{", "Expecting"),
    ],
)
def test_invalid_json_is_refused_with_a_reason(text: str, words: str | None) -> None:
    if words is None:
        strict_json.parse(text)
        return
    with pytest.raises(ValueError, match=words):
        strict_json.parse(text)
