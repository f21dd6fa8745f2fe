"""A Parquet file that is written batch by batch, as PyArrow reads it."""

import io
import threading
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arro3.core import Array, DataType
from hypothesis import given
from hypothesis import strategies as st

from videojobs.outputs import parquet
from videojobs.outputs.parquet import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    ConstantTexts,
    ParquetFile,
    list_of,
    make_array,
    repeat_numbers,
    struct_of,
)

VALUES: dict[DataType, Any] = {
    TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    INT: st.integers(-(2**63), 2**63 - 1),
    FLOAT: st.floats(allow_nan=False),
    BOOL: st.booleans(),
}
columns = st.sampled_from([TEXT, INT, FLOAT, BOOL]).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(st.none() | VALUES[kind]))
)
points = st.lists(st.none() | st.lists(st.fixed_dictionaries({"x": VALUES[FLOAT], "class": st.none() | VALUES[TEXT]})))


def write(batches: list[list[Array]], columns: dict[str, DataType], rows_a_group: int = 100) -> pq.ParquetFile:
    content = io.BytesIO()
    file = ParquetFile(content, columns, rows_a_group)
    for batch in batches:
        file.write(batch)
    file.close()
    return pq.ParquetFile(content)


@pytest.mark.slow
@given(columns)
def test_simple_values_are_read_back(column: tuple[DataType, list[Any]]) -> None:
    kind, values = column
    assert write([[make_array(values, kind)]], {"a": kind}).read()["a"].to_pylist() == values


@pytest.mark.slow
@given(points)
def test_lists_of_structs_are_read_back(values: list[Any]) -> None:
    kind = list_of(struct_of(x=FLOAT, **{"class": TEXT}))
    assert write([[make_array(values, kind)]], {"a": kind}).read()["a"].to_pylist() == values


def test_batches_become_groups_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "QUEUED_BYTES", 100)
    file = write([[make_array([number] * 30, INT)] for number in range(10)], {"a": INT})
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [100, 100, 100]
    assert file.read()["a"].to_pylist() == [number for number in range(10) for _ in range(30)]


def test_an_error_while_writing_is_raised_and_the_thread_ends() -> None:
    class Full(io.BytesIO):
        def write(self, _: Any, /) -> int:
            raise OSError("The disk is full.")

    threads = threading.active_count()
    file = ParquetFile(Full(), {"a": INT}, 100)
    file.write([make_array([1], INT)])
    with pytest.raises(OSError, match="The disk is full"):
        file.close()
    assert threading.active_count() == threads


def test_a_file_that_is_stopped_ends_its_thread() -> None:
    threads = threading.active_count()
    file = ParquetFile(io.BytesIO(), {"a": INT}, 100)
    file.write([make_array([1], INT)])
    file.stop()
    assert threading.active_count() == threads


def test_constant_columns_repeat_their_value() -> None:
    assert pa.array(repeat_numbers("q", [7, 8, 9], [2, 0, 1])).to_pylist() == [7, 7, 9]
    texts = ConstantTexts()
    for length in (3, 5000, 0):
        assert pa.array(texts.make("é", length)).to_pylist() == ["é"] * length
