"""gzip for the outputs: with ISA-L in the function that makes them, and with zlib where ISA-L isn't installed.

ISA-L takes an eighth of zlib's time for files of the same size. It is in the layer of that function only, so the local
commands work without it.
"""

import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

_isal: Any = import_module("isal.isal_zlib") if find_spec("isal") else None

_GZIP = 31
"""The largest window, with a gzip header."""

_ISAL_LEVEL, _ZLIB_LEVEL = 2, 1


class Compressor(Protocol):
    """Compresses a stream. The header has neither a time nor a name, so the same bytes give the same file."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def open_gzip() -> Compressor:
    compressor: Compressor = (
        _isal.compressobj(_ISAL_LEVEL, wbits=_GZIP) if _isal else zlib.compressobj(_ZLIB_LEVEL, wbits=_GZIP)
    )
    return compressor


def gzip(content: bytes) -> bytes:
    compressor = open_gzip()
    return compressor.compress(content) + compressor.flush()
