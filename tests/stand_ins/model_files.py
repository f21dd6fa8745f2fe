"""Model packages made on the spot, with networks whose outputs are known.

The default network outputs two fixed boxes. Each score is the picture's mean brightness (0 to 1) times its weight.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CLASS_NAMES = ("Paper", "Rock")
BOXES_CXCYWH = ((16.0, 16.0, 8.0, 12.0), (24.0, 8.0, 4.0, 4.0))
WEIGHTS_OF_SCORES = ((1.0, 0.0), (0.25, 0.5))
"""Weights of each box's scores, by class."""
SIDE = 32


def make_package(**network_input: Any) -> dict[str, bytes]:
    """Makes a package's files by name; `network_input` overrides that section of `inference_config.json`."""
    size = {"height": SIDE, "width": SIDE}
    described = {
        "training_input_size": size,
        "dynamic_spatial_size_supported": False,
        "color_mode": "rgb",
        "resize_mode": "stretch",
        "input_channels": 3,
        "scaling_factor": 255,
    }
    inference = {
        "network_input": described | network_input,
        "forward_pass": {"static_batch_size": 1},
        "post_processing": {"type": "nms", "fused": False},
    }
    model = {"model_architecture": "yolov8", "task_type": "object-detection", "backend_type": "onnx"}
    return {
        "weights.onnx": make_weights(),
        "class_names.txt": "\n".join(CLASS_NAMES).encode(),
        "inference_config.json": json.dumps(inference).encode(),
        "model_config.json": json.dumps(model).encode(),
    }


def write_package(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Writes a package's files into a new folder, and returns the folder."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def make_weights(beside: str = "") -> bytes:
    """Makes an ONNX file that outputs boxes + weights x mean(images), as 1 x (4 + classes) x boxes.

    Args:
        beside: The name of a file of external data, whose content `make_external_data` makes; by default the constants
            are in the ONNX file.
    """
    boxes, weights = _make_answer()
    return make_network([(boxes, weights)], beside=beside)


def make_external_data() -> bytes:
    """Makes the external data file that `make_weights("…")` refers to."""
    return b"".join(values.astype(np.float32).tobytes() for values in _make_answer())


def _make_answer() -> tuple[NDArray[Any], NDArray[Any]]:
    boxes = np.zeros((4 + len(CLASS_NAMES), len(BOXES_CXCYWH)))
    boxes[:4] = np.transpose(BOXES_CXCYWH)
    weights = np.zeros_like(boxes)
    weights[4:] = np.transpose(WEIGHTS_OF_SCORES)
    return boxes[np.newaxis], weights[np.newaxis]


def make_large_network(size_bytes: int) -> bytes:
    """Makes an ONNX file of about this size, whose outputs all are the picture's mean brightness times a constant."""
    rows, columns = 3, SIDE * SIDE
    factors = size_bytes // (4 * columns * columns) or 1
    shape = np.array([rows, columns], dtype=np.int64)
    graph = _message(5, _number(1, 2) + _number(2, 7) + _text(8, "shape") + _message(9, shape.tobytes()))
    graph += _node("Reshape", ["images", "shape"], "product0")
    for index in range(factors):
        factor = np.eye(columns, dtype=np.float32) * (1 + index)  # unequal, because OpenVINO merges equal constants
        graph += _message(5, _tensor(f"factor{index}", factor))
        graph += _node("MatMul", [f"product{index}", f"factor{index}"], f"product{index + 1}")
    mean = _text(1, "keepdims") + _number(3, 0) + _number(20, 2)
    graph += _node("ReduceMean", [f"product{factors}"], "mean", attribute=mean)
    answer = np.zeros((1, 4 + len(CLASS_NAMES), len(BOXES_CXCYWH)), dtype=np.float32)
    graph += _message(5, _tensor("constant", answer)) + _node("Add", ["constant", "mean"], "output0")
    graph += _message(12, _value("output0", answer.shape, np.float32))
    graph += _text(2, "graph") + _message(11, _value("images", (1, 3, SIDE, SIDE), np.float32))
    return _number(1, 8) + _message(7, graph) + _message(8, _text(1, "") + _number(2, 13))


def make_answer(architecture: str, task_type: str, *outputs: ArrayLike, **inference: Any) -> dict[str, bytes]:
    """Makes a package whose network has the same outputs for every picture.

    Args:
        outputs: The outputs without their batch dimension.
        inference: Overrides entries of `inference_config.json`.
    """
    files = make_package()
    described = json.loads(files["inference_config.json"]) | {"post_processing": None} | inference
    model = {"model_architecture": architecture, "task_type": task_type, "backend_type": "onnx"}
    answers = [(np.array(output)[np.newaxis], np.zeros_like(output)[np.newaxis]) for output in outputs]
    return files | {
        "weights.onnx": make_network(answers),
        "inference_config.json": json.dumps(described).encode(),
        "model_config.json": json.dumps(model).encode(),
    }


def make_network(
    outputs: list[tuple[NDArray[Any], NDArray[Any]]],
    shape: tuple[int | str, ...] = (1, 3, SIDE, SIDE),
    dtype: type[np.float16 | np.float32] = np.float32,
    beside: str = "",
    shown_shapes: Sequence[tuple[int | str, ...]] = (),
) -> bytes:
    """Makes an ONNX file each of whose outputs is a constant + weights x mean(images).

    It is written field by field in ONNX's protobuf format, because no other code here needs a library that writes ONNX:
    https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

    Args:
        outputs: The constant and the weights of each output, with the batch dimension.
        shape: The input's shape; a name stands for a dimension of any size.
        dtype: The element type of the input, constants and outputs.
        beside: The name of a file of external data that holds the constants one after the other; by default they are in
            the ONNX file.
        shown_shapes: The shapes of the outputs that the file names; by default the true ones.
    """
    offset = 0
    graph = _node("ReduceMean", ["images"], "mean", attribute=_text(1, "keepdims") + _number(3, 0) + _number(20, 2))
    for index, (constant, weights) in enumerate(outputs):
        graph += _node("Mul", ["mean", f"weights{index}"], f"scaled{index}")
        graph += _node("Add", [f"constant{index}", f"scaled{index}"], f"output{index}")
        for name, values in (("constant", constant.astype(dtype)), ("weights", weights.astype(dtype))):
            graph += _message(5, _tensor(f"{name}{index}", values, beside, offset))
            offset += values.nbytes
        shown = shown_shapes[index] if shown_shapes else constant.shape
        graph += _message(12, _value(f"output{index}", shown, dtype))
    graph += _text(2, "graph") + _message(11, _value("images", shape, dtype))
    return _number(1, 8) + _message(7, graph) + _message(8, _text(1, "") + _number(2, 13))


def add_metadata(weights: bytes, metadata: Mapping[str, object]) -> bytes:
    """Adds an exporter's entries to an ONNX file, as Ultralytics does: each value as Python prints it."""
    return weights + b"".join(_message(14, _text(1, key) + _text(2, str(value))) for key, value in metadata.items())


# ONNX's numbers for element types (TensorProto.DataType).
_ELEMENT_TYPES = {np.dtype(np.float32): 1, np.dtype(np.float16): 10}


def _node(kind: str, inputs: list[str], output: str, attribute: bytes | None = None) -> bytes:
    content = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)
    return _message(1, content + (_message(5, attribute) if attribute else b""))


def _tensor(name: str, values: NDArray[Any], beside: str = "", offset: int = 0) -> bytes:
    dimensions = b"".join(_number(1, size) for size in values.shape)
    described = dimensions + _number(2, _ELEMENT_TYPES[values.dtype]) + _text(8, name)
    if not beside:
        return described + _message(9, values.tobytes())
    entries = {"location": beside, "offset": str(offset), "length": str(values.nbytes)}
    external = b"".join(_message(13, _text(1, key) + _text(2, value)) for key, value in entries.items())
    return described + external + _number(14, 1)


def _value(name: str, shape: tuple[int | str, ...], dtype: type[np.generic]) -> bytes:
    dimensions = b"".join(_message(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    kind = _number(1, _ELEMENT_TYPES[np.dtype(dtype)]) + _message(2, dimensions)
    return _text(1, name) + _message(2, _message(1, kind))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])
