"""`detections.csv.gz`: the rows of `detections.parquet` for a spreadsheet; lists are written as JSON.

It is UTF-8 with a byte order mark, without which Excel assumes another encoding. Texts come from uploads and models and
must not become formulas: see `disarm`.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, groupby, repeat
from typing import Any

import msgspec
from msgspec import Raw

from videojobs.compression import open_gzip
from videojobs.jobs.ledger import Job
from videojobs.outputs.files import OutputFiles
from videojobs.results.predictions import COLUMNS, Frames

_HEADING = (
    *("job_id", "upload_key", "model_id", "frame_offset", "time_offset", "clock_time"),
    *(*COLUMNS, "track_id", "extra"),
)
_NUMBERS = {"track_id", *(name for name, kinds in COLUMNS.items() if kinds is int or kinds == (float, int))}
_FORMULA_MARKS = "=+-@\uff1d\uff0b\uff0d\uff20\t\r\n\0'"
"""The characters that start a formula at the beginning of a cell, and the apostrophe."""

_INNER_FORMULA = re.compile(rf"""([,;\t\r\n]"*)(?=[{re.escape(_FORMULA_MARKS)}])""")
"""Where a spreadsheet with another separator would begin a cell with a formula."""

_CLASSES_MAX = 1_000
"""Class names repeat, so this many are cached as cells."""

_EMPTY = Raw(b"")
_encode = msgspec.json.Encoder().encode


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


def quote(text: str) -> bytes:
    """Returns a text as a cell. All texts are quoted, so that they may contain separators."""
    return b'"' + disarm(text).replace('"', '""').encode() + b'"'


class CsvTable:
    """Writes one line per prediction.

    The cells are written as one JSON list: numbers and plain texts are the same in JSON and CSV, and msgspec is many
    times as fast as Python's `csv`. All other cells are inserted as they are (`msgspec.Raw`).
    """

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        # Without ContentEncoding: browsers would decompress the file and keep its name.
        self._file = files.open("detections.csv.gz", "application/gzip")
        self._gzip = open_gzip()
        self._write(BOM_UTF8 + b",".join(map(quote, _HEADING)) + b"\n")

    def add(self, frames: Frames) -> None:
        if not (predictions := frames.predictions):
            return
        columns = {**predictions.columns, "track_id": frames.track_ids or (), "extra": predictions.extra}
        absent = predictions.absent if frames.track_ids else predictions.absent | {"track_id"}
        job = b",".join(map(quote, (self._job.job_id, self._job.upload.key, frames.model_id)))
        # JSON has a comma after every cell but the last. So a line's last cell has also its end, and the next line's
        # first cells, which are the same in all lines.
        ends = (
            repeat(Raw(b"\n" + job))
            if "extra" in absent
            else [Raw(bytes(_make_cell(value)) + b"\n" + job) for value in columns["extra"]]
        )
        cells: list[Iterable[Any]] = [self._make_frame_cells(frames)]
        for is_absent, names in groupby((*COLUMNS, "track_id"), absent.__contains__):
            if is_absent:
                cells.append(repeat(Raw(b"," * (len(list(names)) - 1))))
            else:
                cells += [_make_cells(name, columns[name]) for name in names]
        text = _encode(list(chain.from_iterable(zip(*cells, ends, strict=False))))
        self._write(job + b"," + text[1 : -1 - len(job)])

    def finish(self) -> None:
        self._file.write(self._gzip.flush())

    def _make_frame_cells(self, frames: Frames) -> Iterable[Raw]:
        """Returns each prediction's cells that are about its frame, as one."""
        cells = []
        for offset, time in zip(frames.frame_offsets, frames.time_offsets, strict=True):
            clock = self._job.clock_time(time)
            text = b"" if clock is None else b'"%s"' % clock.isoformat(timespec="milliseconds").encode()
            cells.append(Raw(b"%d,%b,%b" % (offset, _encode(time), text)))
        return chain.from_iterable(map(repeat, cells, frames.predictions.counts))

    def _write(self, text: bytes) -> None:
        self._file.write(self._gzip.compress(text))


def _make_cells(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """Converts a column's values to what is written as its cells."""
    if name in _NUMBERS:
        return [_EMPTY if value is None else value for value in values] if None in values else values
    if name == "class":
        return list(map(_make_class_cell, values))
    return values if _are_plain(values) else list(map(_make_cell, values))


def _are_plain(values: Sequence[Any]) -> bool:
    """Returns whether all values are texts whose cells are the same as in JSON."""
    try:
        joined = "".join(values)
    except TypeError:
        return False
    return (
        _encode(joined) == b'"%b"' % joined.encode()
        and "," not in joined
        and ";" not in joined
        and {value[:1] for value in values}.isdisjoint(_FORMULA_MARKS)
    )


def _make_cell(value: Any) -> Any:
    if value is None:
        return _EMPTY
    if isinstance(value, list):
        value = _encode(value).decode()
    return Raw(quote(value)) if isinstance(value, str) else value


_make_class_cell = lru_cache(_CLASSES_MAX)(_make_cell)
