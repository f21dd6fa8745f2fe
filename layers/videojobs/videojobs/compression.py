"""gzip for the outputs: with ISA-L in the function that makes them, and with zlib where ISA-L isn't installed.

ISA-L takes a quarter of zlib's time, for smaller files. It is in the layer of that function only, so the local commands
work without it.
"""

import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

_isal: Any = import_module("isal.isal_zlib") if find_spec("isal") else None

_GZIP = 31
"""The largest window, with a gzip header."""

_LEVEL = 1

_isal_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gzip")
"""ISA-L leaves the AVX registers in a state in which `math.log` takes four times as long in the same thread."""


class Compressor(Protocol):
    """Compresses a stream. The header has neither a time nor a name, so the same bytes give the same file."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _IsalCompressor:
    def __init__(self) -> None:
        self._stream = _isal.compressobj(_LEVEL, wbits=_GZIP)

    def compress(self, data: bytes, /) -> bytes:
        return _isal_thread.submit(self._stream.compress, data).result()  # type: ignore[no-any-return]

    def flush(self) -> bytes:
        return _isal_thread.submit(self._stream.flush).result()  # type: ignore[no-any-return]


def open_gzip() -> Compressor:
    return _IsalCompressor() if _isal else zlib.compressobj(_LEVEL, wbits=_GZIP)


def gzip(content: bytes) -> bytes:
    compressor = open_gzip()
    return compressor.compress(content) + compressor.flush()
