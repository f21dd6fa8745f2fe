"""`detections.csv.gz`: the rows of `detections.parquet` for a spreadsheet; lists are JSON in their field."""

import csv
import io
import zlib
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import msgspec

from videojobs.derivation import Output
from videojobs.jobs import Job
from videojobs.output_files import OutputFiles
from videojobs.predictions import COLUMNS, Frames
from videojobs.results import ObjectWriter

_HEADING = ["job_id", "upload_key", "model_id", "frame_offset", "time_offset", *COLUMNS, "extra"]
_LISTS = {name for name, kinds in COLUMNS.items() if kinds is list}
_GZIP = 31
"""zlib's largest window, and gzip's header around it."""

_COMPRESSION_LEVEL = 1
"""Six would take five times as long, for a fifth less."""


def open_csv(job: Job, files: OutputFiles) -> Output:
    """`detections.csv.gz`; it is opened as what it is, so that no browser unpacks it under this name."""
    file = files.open("detections.csv.gz", "application/gzip")
    return CsvTable(job, file)


class CsvTable:
    """Writes one line a prediction."""

    def __init__(self, job: Job, file: ObjectWriter) -> None:
        self._job = job
        self._file = file
        self._gzip = zlib.compressobj(_COMPRESSION_LEVEL, wbits=_GZIP)
        self._write_rows([_HEADING])

    def add(self, frames: Frames) -> None:
        predictions = frames.predictions
        numbers = predictions.frames
        self._write_rows(
            zip(
                repeat(self._job.job_id, len(numbers)),
                repeat(self._job.upload.key),
                repeat(frames.model.model_id),
                [frames.frame_offsets[number] for number in numbers],
                [frames.time_offsets[number] for number in numbers],
                *(_encode_lists(name, values) for name, values in predictions.columns.items()),
                predictions.extra,
                strict=False,
            )
        )

    def finish(self) -> None:
        self._file.write(self._gzip.flush())

    def _write_rows(self, rows: Any) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(self._gzip.compress(text.getvalue().encode()))


def _encode_lists(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if name not in _LISTS:
        return values
    return [None if value is None else msgspec.json.encode(value).decode() for value in values]
