"""Finds the external data files of an ONNX file, which hold weights that are not in the ONNX file itself.

An ONNX file is a protobuf message: fields with a number, a type and a value, which may be another message. A tensor
whose values are in another file names that file: https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
All other values are skipped by their length, so even large files are read quickly.
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
"""Start and end of a value, in bytes from the beginning of the file."""


def find_external_files(weights: Path) -> set[str]:
    """The names of the external data files, as in the ONNX file; empty if `weights` is not an ONNX file."""
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
            raise ValueError(f"an ONNX file has no field of type {kind}")


def _read_varint(content: mmap.mmap, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven bits a byte, lowest bits first; and the position after it."""
    number = 0
    for index in range(10):
        byte = content[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("the number has more than 64 bits")
