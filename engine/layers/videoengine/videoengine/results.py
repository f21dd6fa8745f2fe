"""The results file, written as a stream: it may be gigabytes."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Buffer


def encode_results(columns: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """One JSON object, in pieces.

    Args:
        columns: for each key its elements, each of them JSON already.
    """
    separator = b"{"
    for key, elements in columns:
        yield separator + json.dumps(key).encode() + b": ["
        for index, element in enumerate(elements):
            yield b", " + element if index else element
        yield b"]"
        separator = b", "
    yield b"}"


class PieceReader(io.RawIOBase):
    """Pieces of bytes as a file to read from; holds one piece at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        for piece in itertools.chain([self._rest], self._pieces):
            taken = piece[: len(view) - filled]
            view[filled : filled + len(taken)] = taken
            filled += len(taken)
            self._rest = piece[len(taken) :]
            if filled == len(view):
                break
        return filled
