"""`events.csv` and `events.parquet`: one row per event, of jobs with regions.

`events.csv` follows the rules of `csv_table.py`. Times are rounded to milliseconds, because they are interpolated.
"""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from arro3.core import DataType

from videojobs.jobs.ledger import Job
from videojobs.outputs.csv_table import disarm
from videojobs.outputs.files import OutputFiles
from videojobs.outputs.names import OutputName
from videojobs.outputs.parquet import BOOL, FLOAT, INT, ROWS_A_GROUP, TEXT, TIME, ParquetFile, make_array
from videojobs.results.bucket import ObjectWriter
from videojobs.results.events import Event
from videojobs.results.predictions import Frames

EVENTS = "events"
"""The name of this output, which is made for each job with regions."""

ROWS_A_BATCH = 1024

EVENT_COLUMNS: Mapping[str, DataType] = {
    "job_id": TEXT,
    "upload_key": TEXT,
    "model_id": TEXT,
    "track_id": INT,
    "class": TEXT,
    "region": TEXT,
    "kind": TEXT,
    "direction": TEXT,
    "time_offset": FLOAT,
    "clock_time": TIME,
    "frame_offset": INT,
    "dwell_seconds": FLOAT,
    "at_border": BOOL,
    "x": FLOAT,
    "y": FLOAT,
}
"""One row per event: x, y are the object's anchor in pixels."""


class EventTables:
    """Writes the events of a job. Without tables, it only tells whether there could be any.

    Args:
        outputs: The outputs of the stack: `csv` and `parquet` choose the files.
    """

    def __init__(self, job: Job, files: OutputFiles, outputs: Sequence[OutputName]) -> None:
        self._job = job
        self._csv: ObjectWriter | None = None
        self._parquet: ParquetFile | None = None
        self._rows: list[Sequence[Any]] = []
        if "csv" in outputs:
            self._csv = files.open("events.csv", "text/csv; charset=utf-8")
            self._csv.write(BOM_UTF8)
            self._write_lines([list(EVENT_COLUMNS)])
        if "parquet" in outputs:
            file = files.open("events.parquet", "application/vnd.apache.parquet")
            self._parquet = ParquetFile(file, EVENT_COLUMNS, ROWS_A_GROUP)
            files.call_at_exit(self._parquet.stop)

    def add(self, frames: Frames) -> None:
        """Raises BrokenResults if an element breaks the contract, or the error because of which there are no events."""
        if frames.events_failure is not None:
            raise frames.events_failure
        _ = frames.predictions
        if not frames.events:
            return
        self._rows += map(self._make_row, frames.events)
        if len(self._rows) >= ROWS_A_BATCH:
            self._write_rows()

    def finish(self) -> None:
        self._write_rows()
        if self._parquet is not None:
            self._parquet.close()

    def _write_rows(self) -> None:
        if self._rows and self._csv is not None:
            self._write_lines([list(map(_make_cell, row)) for row in self._rows])
        if self._rows and self._parquet is not None:
            columns = zip(*self._rows, strict=True)
            self._parquet.write(list(map(make_array, columns, EVENT_COLUMNS.values())))
        self._rows.clear()

    def _make_row(self, event: Event) -> Sequence[Any]:
        return (
            self._job.job_id,
            self._job.upload.key,
            event.model_id,
            event.track_id,
            event.class_name,
            event.region,
            event.kind,
            event.direction,
            round(event.time_offset, 3),
            self._job.clock_time(event.time_offset),
            event.frame_offset,
            None if event.dwell_seconds is None else round(event.dwell_seconds, 3),
            event.at_border,
            round(event.x, 1),
            round(event.y, 1),
        )

    def _write_lines(self, rows: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_STRINGS).writerows(rows)
        if self._csv is not None:
            self._csv.write(text.getvalue().encode())


_disarm_repeated = lru_cache(1000)(disarm)


def _make_cell(value: Any) -> Any:
    if isinstance(value, str):
        return _disarm_repeated(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
