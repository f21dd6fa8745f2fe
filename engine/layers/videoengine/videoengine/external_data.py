"""The files beside an ONNX file that hold its weights, where they are not in it.

An ONNX file is a protobuf message: fields, each with a number, a type and a value, which may be a message in turn. Each
tensor whose values are in another file names it: https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
Everything else is skipped by its length, so a file of any size is read in an instant.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_GRAPH_OF_MODEL, _INITIALIZER_OF_GRAPH, _EXTERNAL_DATA_OF_TENSOR, _KEY, _VALUE = 7, 5, 13, 1, 2

# https://protobuf.dev/programming-guides/encoding/
_VARINT, _LENGTH_AND_VALUE = 0, 2
_SIZES = {1: 8, 5: 4}

type _Span = tuple[int, int]
"""Where a value begins and ends."""


def find_external_files(weights: Path) -> set[str]:
    """The names of those files, as the ONNX file has them; none of what is not an ONNX file."""
    try:
        with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return {
                content[slice(*value)].decode()
                for graph in _find(content, (0, len(content)), _GRAPH_OF_MODEL)
                for tensor in _find(content, graph, _INITIALIZER_OF_GRAPH)
                for entry in _find(content, tensor, _EXTERNAL_DATA_OF_TENSOR)
                if any(content[slice(*key)] == b"location" for key in _find(content, entry, _KEY))
                for value in _find(content, entry, _VALUE)
            }
    except (IndexError, ValueError):
        return set()


def _find(content: mmap.mmap, message: _Span, field: int) -> Iterator[_Span]:
    """The values of one field of a message."""
    position, end = message
    while position < end:
        tag, position = _read_varint(content, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, position = _read_varint(content, position)
        elif kind == _LENGTH_AND_VALUE:
            size, position = _read_varint(content, position)
            if number == field:
                yield position, position + size
            position += size
        elif kind in _SIZES:
            position += _SIZES[kind]
        else:
            raise ValueError(f"no ONNX file has a field of type {kind}")


def _read_varint(content: mmap.mmap, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven in a byte, the lowest first; and where it ends."""
    number = 0
    for index in range(10):
        byte = content[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("no number is as long as this")
