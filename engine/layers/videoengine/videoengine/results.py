"""Writes the results file as a stream, because it may have gigabytes."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from videoengine.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Buffer


def encode_results(columns: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """One JSON object of lists, in pieces.

    Args:
        columns: for each key its elements, each already encoded as JSON.

    Example:
        >>> b"".join(encode_results([("frame_offset", [b"0", b"12"])]))
        b'{"frame_offset": [0, 12]}'
    """
    return itertools.chain([b"{"], encode_columns(columns), [b"}"])


def encode_columns(columns: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """What `encode_results` has between its braces, in pieces."""
    for number, (key, elements) in enumerate(columns):
        yield (b", " if number else b"") + json.dumps(key).encode() + b": ["
        for index, element in enumerate(elements):
            yield b", " + element if index else element
        yield b"]"


def check_failures(nulls: int, results: int, max_share: float) -> None:
    """Checks that not too many results are null.

    Args:
        nulls: number of results that are null, because a frame can't be decoded or a model failed on it.
        results: number of all results: one for each frame and model.
        max_share: maximum share of results that may be null, 0 to 1.

    Raises:
        JobFailed: more results are null.
    """
    if nulls > max_share * results:
        raise JobFailed(
            f"{nulls} of {results} results failed: the frames can't be decoded, or the models failed on them"
        )


class PieceReader(io.RawIOBase):
    """A readable file made of pieces of bytes. It holds one piece in memory at a time."""

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
