"""`detections.csv.gz`: the rows of `detections.parquet` for a spreadsheet; lists are JSON in their field.

UTF-8 with a byte order mark, without which Excel takes it for another encoding. Texts come from uploads and models, so
none of them may become a formula: see `disarm`.
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
from videojobs.results.bucket import ObjectWriter
from videojobs.results.derivation import Output
from videojobs.results.predictions import COLUMNS, Frames

_HEADING = ["job_id", "upload_key", "model_id", "frame_offset", "time_offset", *COLUMNS, "extra"]
_LISTS = {name for name, kinds in COLUMNS.items() if kinds is list}
_TEXTS = {name for name, kinds in COLUMNS.items() if kinds is str or (isinstance(kinds, tuple) and str in kinds)}
_GZIP = 31
"""zlib's largest window, and gzip's header around it."""

_COMPRESSION_LEVEL = 1
"""Six would take five times as long, for a fifth less."""

_FORMULA_MARKS = "=+-@\uff1d\uff0b\uff0d\uff20\t\r\n\0'"
"""What makes a formula of the cell that it begins, and the apostrophe."""

_INNER_FORMULA = re.compile(rf"""([,;\t\r\n]"*)(?=[{re.escape(_FORMULA_MARKS)}])""")
"""Where a cell would begin for a spreadsheet with another separator."""

_CLASSES_MAX = 1_000
"""Class names repeat: that many are remembered as they are to be written."""


def disarm(text: str) -> str:
    """`text` with an apostrophe before whatever a spreadsheet would compute, also behind a separator inside of it.

    `=1+2` becomes `'=1+2`, and `a;=1+2`, which is two cells where the list separator is a semicolon, `a;'=1+2`. To get
    the text back, remove the apostrophe at its beginning and behind each comma, semicolon, tab and line break (and the
    quotation marks that follow these), where it stands before one of ``=+-@'``, a full-width form of them, a tab, a
    line break or NUL.

    Source: OWASP, "CSV Injection" (owasp.org/www-community/attacks/CSV_Injection).
    """
    start = "'" if text and text[0] in _FORMULA_MARKS else ""
    return start + _INNER_FORMULA.sub(r"\1'", text)


_disarm_class = lru_cache(_CLASSES_MAX)(disarm)


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
                *(
                    nulls if name in predictions.absent else _make_cells(name, values)
                    for name, values in predictions.columns.items()
                ),
                nulls if "extra" in predictions.absent else list(map(_disarm_text, predictions.extra)),
                strict=False,
            )
        )

    def finish(self) -> None:
        self._file.write(self._gzip.flush())

    def _write_rows(self, rows: Any) -> None:
        text = io.StringIO()
        # All texts are quoted, so that a separator in one separates nothing.
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_STRINGS).writerows(rows)
        self._file.write(self._gzip.compress(text.getvalue().encode()))


def _make_cells(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as they are written: numbers stay what they are."""
    if name in _LISTS:
        return [None if value is None else disarm(msgspec.json.encode(value).decode()) for value in values]
    if name == "class":
        return [None if value is None else _disarm_class(value) for value in values]
    return list(map(_disarm_text, values)) if name in _TEXTS else values


def _disarm_text(value: Any) -> Any:
    return disarm(value) if isinstance(value, str) else value
