"""The results file, written as a stream."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoengine.results import PieceReader, encode_results

ELEMENTS = st.lists(st.one_of(st.none(), st.integers(), st.dictionaries(st.text(), st.integers(), max_size=3)))


@pytest.mark.slow
@given(st.dictionaries(st.text(), ELEMENTS, min_size=1))
def test_the_stream_is_the_json_of_its_columns(columns: dict[str, list[object]]) -> None:
    pieces = encode_results((key, (json.dumps(entry).encode() for entry in column)) for key, column in columns.items())
    assert b"".join(pieces) == json.dumps(columns).encode()


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_pieces_are_read_in_any_size(pieces: list[bytes], size: int) -> None:
    reader = PieceReader(pieces)
    read = []
    while chunk := reader.read(size):
        assert len(chunk) <= size
        read.append(chunk)
    assert b"".join(read) == b"".join(pieces)


def test_pieces_are_produced_one_by_one() -> None:
    taken = []

    def produce() -> object:
        for number in range(100):
            taken.append(number)
            yield b"x" * 10

    file = io.BufferedReader(PieceReader(produce()), 20)  # type: ignore[arg-type]
    assert len(file.read(15)) == 15
    assert len(taken) <= 5
