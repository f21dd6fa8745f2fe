"""Writes a Parquet file batch by batch.

arro3's writer pulls its batches, so it runs in a thread of its own, behind a short queue: `write` waits while the queue
is full. An error in the thread is raised by the next call.
"""

from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from queue import Queue
from threading import Thread
from typing import Any, Protocol

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array, struct_array
from arro3.io import write_parquet

ROWS_A_GROUP = 122_880
ROWS_A_GROUP_OF_LISTS = 8_192
"""Memory holds a row group, encoded, until it is full; rows with polygons or vectors have thousands of bytes."""

QUEUED_BYTES = 1024 * 1024
"""How much is put into the queue at once: waking the thread for each batch takes longer than writing the batch."""

FLOAT, FLOAT32, INT = DataType.float64(), DataType.float32(), DataType.int64()
TEXT, BOOL = DataType.utf8(), DataType.bool()
TIME = DataType.timestamp("ms", tz="UTC")
"""A moment. Athena's timestamps have milliseconds.
Source: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def list_of(item: DataType) -> DataType:
    return DataType.list(Field("element", item))


def struct_of(**fields: DataType) -> DataType:
    return DataType.struct([Field(name, kind) for name, kind in fields.items()])


def make_array(values: Sequence[Any], kind: DataType) -> Array:
    """Returns an Arrow array of Python values: numbers, texts, datetimes, None, and lists and dicts of these, as `kind`
    says.
    """
    if DataType.is_timestamp(kind):
        return make_times([None if value is None else count_microseconds(value) for value in values])
    if DataType.is_list(kind):
        return _make_list_array(values, kind)
    if DataType.is_struct(kind):
        children = [make_array([value.get(field.name) for value in values], field.type) for field in kind.fields]
        return struct_array(children, fields=kind.fields)
    return Array(values, type=kind)


def _make_list_array(values: Sequence[Sequence[Any] | None], kind: DataType) -> Array:
    items: list[Any] = []
    offsets = [0]
    for value in values:
        if value:
            items += value
        offsets.append(len(items))
    item_kind = kind.value_field.type  # type: ignore[union-attr]  # lists have one
    nulls = Array([value is None for value in values], type=BOOL)
    return list_array(Array(offsets, type=DataType.int32()), make_array(items, item_kind), type=kind, mask=nulls)


def repeat_numbers(typecode: str, numbers: Sequence[float], counts: Sequence[int]) -> Array:
    """Returns an Arrow array with each number repeated as `counts` says; `typecode` as for `array.array`."""
    repeated: array[float] = array(typecode)
    for number, count in zip(numbers, counts, strict=True):
        repeated.extend(array(typecode, (number,)) * count)
    return Array.from_buffer(repeated)


def make_times(microseconds: Sequence[int | None]) -> Array:
    """Returns an Arrow array of times since 1970, or None."""
    return Array([None if time is None else time // 1000 for time in microseconds], type=INT).cast(TIME)


def repeat_times(microseconds: Sequence[int | None], counts: Sequence[int]) -> Array:
    """Returns an Arrow array with each time since 1970 repeated as `counts` says."""
    if None in microseconds:
        return make_times([time for time, count in zip(microseconds, counts, strict=True) for _ in range(count)])
    return repeat_numbers("q", [time // 1000 for time in microseconds if time is not None], counts).cast(TIME)


def count_microseconds(time: datetime) -> int:
    """Returns the microseconds from 1970 to `time`."""
    return (time - _EPOCH) // _MICROSECOND


class Writable(Protocol):
    """The part of a file's interface that is needed."""

    def write(self, content: bytes, /) -> int: ...


class ParquetFile:
    """Writes record batches to `file`, compressed.

    Args:
        columns: The columns' types, by name.
        distinct: Text columns whose values rarely repeat, so that dictionary encoding would not help.
    """

    def __init__(
        self, file: Writable, columns: Mapping[str, DataType], rows_a_group: int, distinct: Sequence[str] = ()
    ) -> None:
        self._schema = Schema([Field(name, kind) for name, kind in columns.items()])
        self._queue: Queue[list[RecordBatch] | None] = Queue(maxsize=1)
        self._held: list[RecordBatch] = []
        self._held_bytes = 0
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, args=(file, rows_a_group, distinct), name="parquet", daemon=True)
        self._thread.start()

    def write(self, columns: Sequence[Array]) -> None:
        self._raise()
        batch = RecordBatch(columns, schema=self._schema)
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes >= QUEUED_BYTES:
            self._enqueue()

    def close(self) -> None:
        """Writes the rest and the footer, without which the file is invalid."""
        self._enqueue()
        self.stop()
        self._raise()

    def stop(self) -> None:
        """Ends the thread, even if the file is incomplete."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _enqueue(self) -> None:
        self._queue.put(self._held)
        self._held = []
        self._held_bytes = 0

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self, file: Writable, rows_a_group: int, distinct: Sequence[str]) -> None:
        batches = chain.from_iterable(iter(self._queue.get, None))
        try:
            write_parquet(
                RecordBatchReader.from_batches(self._schema, batches),
                file,  # type: ignore[arg-type]  # arro3 calls only write and flush
                compression="zstd(1)",
                max_row_group_size=rows_a_group,
                column_dictionary_enabled=dict.fromkeys(distinct, False),
                column_encoding=dict.fromkeys(distinct, "delta_byte_array"),
            )
        except BaseException as error:  # raised again in the other thread
            # arro3 panics if it can't finish the file, and its panic is not an Exception.
            self._error = error if isinstance(error, Exception) else OSError(str(error))
            for _ in batches:
                pass


class ConstantTexts:
    """Caches arrays that repeat a single text."""

    def __init__(self) -> None:
        self._made: dict[str, Array] = {}

    def make(self, text: str, length: int) -> Array:
        if text not in self._made or len(self._made[text]) < length:
            self._made[text] = Array([text] * max(length, 4096), type=TEXT)
        return self._made[text].slice(0, length)
