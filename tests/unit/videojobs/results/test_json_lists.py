"""Lists are read as they stream, whatever the pieces."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.results.summarized import cut, indents
from videojobs.results.json_lists import read_lists

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), anything, max_size=4), st.integers(1, 40), indents, st.booleans())
def test_lists_are_read_whatever_they_contain(
    document: Any, piece_size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    read: dict[str, list[Any]] = {}
    for entries in read_lists(cut(text, piece_size)):
        values = read.setdefault(entries.key, [])
        assert entries.first == len(values)
        values += entries.values
    assert read == {key: value for key, value in document.items() if isinstance(value, list)}


ODD_VALUES = st.sampled_from(
    [
        (r'"a\ud800b"', "a\ufffdb"),
        (r'"\uDC00\uDBFF"', "\ufffd\ufffd"),
        (r'"\ud83d\uD83D\ude00"', "\ufffd\U0001f600"),
        (r'"\\ud800\udfff"', "\\ud800\ufffd"),
        (r'{"\ud800": 0}', {"\ufffd": 0}),
        ("9" * 5000, None),
        ("-" + "9" * 5000, None),
        ("1e400", None),
        ("-1E+400", None),
        ("9" * 400 + ".0", None),
        ("[1, 1e400, 2.5]", [1, None, 2.5]),
    ]
)
"""Values of JSON's grammar that Python has no equal for, and what is read instead."""


@pytest.mark.slow
@given(st.lists(ODD_VALUES | anything.map(lambda value: (json.dumps(value), value))), st.integers(1, 40))
def test_all_json_is_read_and_only_odd_values_are_changed(values: list[tuple[str, Any]], piece_size: int) -> None:
    text = "\ufeff" + rf'{{"passed over": "\ud800", "\udfff": [{", ".join(text for text, _ in values)}]}}'
    read = [value for entries in read_lists(cut(text.encode(), piece_size)) for value in entries.values]
    assert read == [value for _, value in values]


numbers = st.from_regex(re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII), fullmatch=True)
strings = st.from_regex(
    re.compile(r'"([^"\\\x00-\x1f\ud800-\udfff]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'), fullmatch=True
)


@pytest.mark.slow
@given(st.lists(numbers | strings))
def test_every_number_and_string_of_the_grammar_is_read(values: list[str]) -> None:
    """The grammar is in RFC 8259, sections 6 and 7."""
    text = f'{{"list": [{", ".join(values)}]}}'
    assert sum(len(entries.values) for entries in read_lists([text.encode()])) == len(values)
