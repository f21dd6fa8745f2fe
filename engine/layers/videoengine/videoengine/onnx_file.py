"""Reads what an ONNX file says about itself: its metadata, the shapes of its inputs and outputs, its external data.

An ONNX file is a protobuf message: fields with a number, a type and a value, which may be another message. A tensor
whose values are in another file names that file: https://github.com/onnx/onnx/blob/main/docs/ExternalData.md.
All other values are skipped by their length, so even large files are read quickly.
"""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_GRAPH_OF_MODEL, _METADATA_OF_MODEL = 7, 14
_INITIALIZER_OF_GRAPH, _INPUT_OF_GRAPH, _OUTPUT_OF_GRAPH = 5, 11, 12
_NAME_OF_TENSOR, _EXTERNAL_DATA_OF_TENSOR = 8, 13
_KEY, _VALUE = 1, 2
_NAME_OF_VALUE = 1
_PATH_TO_DIMENSIONS = (2, 1, 2, 1)
"""Of an input or output: its type, of that the tensor's type, of that the shape, of that the dimensions."""
_SIZE_OF_DIMENSION = 1

# https://protobuf.dev/programming-guides/encoding/
_VARINT, _LENGTH_AND_VALUE = 0, 2
_SIZES = {1: 8, 5: 4}

type _Span = tuple[int, int]
"""Start and end of a value, in bytes from the beginning of the file."""


@dataclass(frozen=True)
class OnnxFile:
    """What an ONNX file says about itself.

    Attributes:
        metadata: The exporter's entries, such as `names` and `imgsz`.
        inputs, outputs: Shapes with the batch dimension; a size that depends on the picture is -1.
    """

    metadata: Mapping[str, str]
    inputs: list[tuple[int, ...]]
    outputs: list[tuple[int, ...]]


def read_onnx_file(weights: Path) -> OnnxFile:
    """Reads the file without its weights.

    Raises:
        ValueError: It is not an ONNX file.
    """
    try:
        with _mapped(weights) as content:
            entries = list(_find(content, (0, len(content)), _METADATA_OF_MODEL))
            [graph] = _find(content, (0, len(content)), _GRAPH_OF_MODEL)
            # Old exporters list constants as inputs, too.
            constants = {
                _text(content, tensor, _NAME_OF_TENSOR) for tensor in _find(content, graph, _INITIALIZER_OF_GRAPH)
            }
            inputs = [
                value
                for value in _find(content, graph, _INPUT_OF_GRAPH)
                if _text(content, value, _NAME_OF_VALUE) not in constants
            ]
            return OnnxFile(
                metadata={_text(content, entry, _KEY): _text(content, entry, _VALUE) for entry in entries},
                inputs=[_read_shape(content, value) for value in inputs],
                outputs=[_read_shape(content, value) for value in _find(content, graph, _OUTPUT_OF_GRAPH)],
            )
    except IndexError as error:
        raise ValueError("a value ends after the end of the file") from error


def find_external_files(weights: Path) -> set[str]:
    """The names of the external data files, as in the ONNX file; empty if `weights` is not an ONNX file."""
    try:
        with _mapped(weights) as content:
            return {
                _text(content, entry, _VALUE)
                for graph in _find(content, (0, len(content)), _GRAPH_OF_MODEL)
                for tensor in _find(content, graph, _INITIALIZER_OF_GRAPH)
                for entry in _find(content, tensor, _EXTERNAL_DATA_OF_TENSOR)
                if _text(content, entry, _KEY) == "location"
            }
    except (IndexError, ValueError):
        return set()


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _read_shape(content: mmap.mmap, value: _Span) -> tuple[int, ...]:
    spans = [value]
    for field in _PATH_TO_DIMENSIONS:
        spans = [inner for span in spans for inner in _find(content, span, field)]
    sizes = ([_read_varint(content, start)[0] for start, _ in _find(content, it, _SIZE_OF_DIMENSION)] for it in spans)
    return tuple(size[0] if size else -1 for size in sizes)


def _text(content: mmap.mmap, message: _Span, field: int) -> str:
    """The value of a text field; empty if the message lacks it."""
    return next((content[slice(*value)].decode() for value in _find(content, message, field)), "")


def _find(content: mmap.mmap, message: _Span, field: int) -> Iterator[_Span]:
    """The values of one field of a message."""
    position, end = message
    while position < end:
        tag, position = _read_varint(content, position)
        number, kind = tag >> 3, tag & 7
        start = position
        if kind == _VARINT:
            _, position = _read_varint(content, position)
        elif kind == _LENGTH_AND_VALUE:
            size, start = _read_varint(content, position)
            position = start + size
        elif kind in _SIZES:
            position += _SIZES[kind]
        else:
            raise ValueError(f"an ONNX file has no field of type {kind}")
        if number == field:
            yield start, position


def _read_varint(content: mmap.mmap, position: int) -> tuple[int, int]:
    """A number of up to 64 bits, seven bits a byte, lowest bits first; and the position after it."""
    number = 0
    for index in range(10):
        byte = content[position + index]
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, position + index + 1
    raise ValueError("the number has more than 64 bits")
