"""The results file, written as a stream: it may be gigabytes."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from videoengine.errors import JobFailed

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


def check_failures(nulls: int, results: int, max_share: float) -> None:
    """Says whether what was found is worth having.

    Args:
        results: one a frame and model.
        nulls: those of frames that can't be decoded, or that a model failed on.
        max_share: of all results, how many may be null.

    Raises:
        JobFailed: there are more of them.
    """
    if nulls > max_share * results:
        raise JobFailed(
            f"{nulls} of {results} results failed: the frames can't be decoded, or the models can't be run on them"
        )


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
