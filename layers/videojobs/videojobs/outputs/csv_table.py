"""`detections.csv.gz`: the rows of `detections.parquet` for a spreadsheet; lists are written as JSON.

It is UTF-8 with a byte order mark, without which Excel assumes another encoding. Texts come from uploads and models and
must not become formulas: see `disarm`.
"""

import csv
import io
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import msgspec

from videojobs.jobs.ledger import Job
from videojobs.outputs.files import OutputFiles
from videojobs.results.predictions import COLUMNS, Frames

_HEADING = [
    "job_id",
    "upload_key",
    "model_id",
    "frame_offset",
    "time_offset",
    "clock_time",
    *COLUMNS,
    "track_id",
    "extra",
]
_LISTS = {name for name, kinds in COLUMNS.items() if kinds is list}
_TEXTS = {name for name, kinds in COLUMNS.items() if kinds is str or (isinstance(kinds, tuple) and str in kinds)}
_GZIP = 31
"""zlib's largest window, with a gzip header."""

_COMPRESSION_LEVEL = 1
"""Level 6 takes five times as long and saves a fifth of the size."""

_FORMULA_MARKS = "=+-@\uff1d\uff0b\uff0d\uff20\t\r\n\0'"
"""The characters that start a formula at the beginning of a cell, and the apostrophe."""

_INNER_FORMULA = re.compile(rf"""([,;\t\r\n]"*)(?=[{re.escape(_FORMULA_MARKS)}])""")
"""Where a spreadsheet with another separator would begin a cell with a formula."""

_CLASSES_MAX = 1_000
"""Class names repeat, so this many are cached in disarmed form."""


def disarm(text: str) -> str:
    """Returns `text` with an apostrophe before each formula, also after a separator inside the text.

    `=1+2` becomes `'=1+2`, and `a;=1+2`, which is two cells if the list separator is a semicolon, becomes `a;'=1+2`. To
    restore the text, remove the apostrophe at its beginning and after each comma, semicolon, tab and line break (and
    the quotation marks that follow these), if it stands before one of ``=+-@'``, a full-width form of them, a tab, a
    line break or NUL.

    Source: OWASP, "CSV Injection" (owasp.org/www-community/attacks/CSV_Injection).
    """
    start = "'" if text and text[0] in _FORMULA_MARKS else ""
    return start + _INNER_FORMULA.sub(r"\1'", text)


_disarm_class = lru_cache(_CLASSES_MAX)(disarm)


class CsvTable:
    """Writes one line per prediction."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        # Without ContentEncoding: browsers would decompress the file and keep its name.
        self._file = files.open("detections.csv.gz", "application/gzip")
        self._gzip = zlib.compressobj(_COMPRESSION_LEVEL, wbits=_GZIP)
        self._file.write(self._gzip.compress(BOM_UTF8))
        self._write_rows([_HEADING])

    def add(self, frames: Frames) -> None:
        predictions = frames.predictions
        numbers = predictions.frames
        nulls = repeat(None)
        self._write_rows(
            zip(
                repeat(disarm(self._job.job_id), len(numbers)),
                repeat(disarm(self._job.upload.key)),
                repeat(disarm(frames.model_id)),
                [frames.frame_offsets[number] for number in numbers],
                [frames.time_offsets[number] for number in numbers],
                nulls if self._job.video_recorded_at is None else self._make_clock_times(frames),
                *(
                    nulls if name in predictions.absent else _make_cells(name, values)
                    for name, values in predictions.columns.items()
                ),
                nulls if frames.track_ids is None else frames.track_ids,
                nulls if "extra" in predictions.absent else list(map(_disarm_text, predictions.extra)),
                strict=False,
            )
        )

    def finish(self) -> None:
        self._file.write(self._gzip.flush())

    def _make_clock_times(self, frames: Frames) -> Sequence[str | None]:
        times = map(self._job.clock_time, frames.time_offsets)
        texts = [None if time is None else time.isoformat(timespec="milliseconds") for time in times]
        return [texts[number] for number in frames.predictions.frames]

    def _write_rows(self, rows: Any) -> None:
        text = io.StringIO()
        # All texts are quoted, so that they may contain separators.
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_STRINGS).writerows(rows)
        self._file.write(self._gzip.compress(text.getvalue().encode()))


def _make_cells(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """Converts a column's values to cells. Numbers stay unchanged."""
    if name in _LISTS:
        return [None if value is None else disarm(msgspec.json.encode(value).decode()) for value in values]
    if name == "class":
        return [None if value is None else _disarm_class(value) for value in values]
    return list(map(_disarm_text, values)) if name in _TEXTS else values


def _disarm_text(value: Any) -> Any:
    return disarm(value) if isinstance(value, str) else value
