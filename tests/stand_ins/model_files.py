"""A model package that is made on the spot, with a network whose answer is known.

Its network answers with two fixed boxes; the score of each is the picture's mean brightness (0 to 1) times its weight.
"""

import json
import struct
from typing import Any

CLASS_NAMES = ("Paper", "Rock")
BOXES_CXCYWH = ((16.0, 16.0, 8.0, 12.0), (24.0, 8.0, 4.0, 4.0))
WEIGHTS_OF_SCORES = ((1.0, 0.0), (0.25, 0.5))
"""For each box, by class."""
SIDE = 32


def make_package(**network_input: Any) -> dict[str, bytes]:
    """The package's files by name; `network_input` overrides what `inference_config.json` says there."""
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


def make_weights() -> bytes:
    """An ONNX file: boxes + weights x mean(images), as 1 x (4 + classes) x boxes.

    Written field by field of ONNX's protobuf, since nothing else here needs a library that can.
    """
    rows = 4 + len(CLASS_NAMES)
    boxes = [[box[row] if row < 4 else 0.0 for box in BOXES_CXCYWH] for row in range(rows)]
    weights = [[scores[row - 4] if row >= 4 else 0.0 for scores in WEIGHTS_OF_SCORES] for row in range(rows)]
    shape = (1, rows, len(BOXES_CXCYWH))
    graph = (
        _node("ReduceMean", ["images"], "mean", attribute=_text(1, "keepdims") + _number(3, 0) + _number(20, 2))
        + _node("Mul", ["mean", "weights"], "scores")
        + _node("Add", ["boxes", "scores"], "output")
        + _text(2, "graph")
        + _message(5, _tensor("boxes", shape, boxes))
        + _message(5, _tensor("weights", shape, weights))
        + _message(11, _value("images", (1, 3, SIDE, SIDE)))
        + _message(12, _value("output", shape))
    )
    return _number(1, 8) + _message(7, graph) + _message(8, _text(1, "") + _number(2, 13))


def _node(kind: str, inputs: list[str], output: str, attribute: bytes | None = None) -> bytes:
    content = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)
    return _message(1, content + (_message(5, attribute) if attribute else b""))


def _tensor(name: str, shape: tuple[int, ...], rows: list[list[float]]) -> bytes:
    values = [value for row in rows for value in row]
    dimensions = b"".join(_number(1, size) for size in shape)
    return dimensions + _number(2, 1) + _text(8, name) + _message(9, struct.pack(f"<{len(values)}f", *values))


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_message(1, _number(1, size)) for size in shape)
    return _text(1, name) + _message(2, _message(1, _number(1, 1) + _message(2, dimensions)))


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
