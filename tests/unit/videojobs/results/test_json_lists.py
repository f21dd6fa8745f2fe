"""Lists are read as they stream by, whatever the pieces."""

import json
from typing import Any

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
def test_lists_are_read_whatever_they_hold(
    document: Any, piece_size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    read: dict[str, list[Any]] = {}
    for entries in read_lists(cut(text, piece_size)):
        values = read.setdefault(entries.key, [])
        assert entries.first == len(values)
        values += entries.values
    assert read == {key: value for key, value in document.items() if isinstance(value, list)}
