"""Roboflow's model packages: what a package's files say about how its model is run.

A package is a folder with `weights.onnx`, `class_names.txt`, `inference_config.json` and `model_config.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from videoengine.errors import ModelPackageInvalid

WEIGHTS = "weights.onnx"
CLASS_NAMES = "class_names.txt"
INFERENCE_CONFIG = "inference_config.json"
MODEL_CONFIG = "model_config.json"
DESCRIPTION_FILES = (CLASS_NAMES, INFERENCE_CONFIG, MODEL_CONFIG)

TASK_TYPES = ("object-detection",)
ARCHITECTURES = ("yolov5", "yolov8", "yolov9", "yolov11", "yolov12")
RESIZE_MODES = ("letterbox", "stretch")
COLOR_MODES = ("rgb", "bgr")

# What an absent entry means, where Roboflow's runner has a meaning for it.
_NO_PADDING_VALUE = 0
_NO_SCALING_FACTOR = 1.0


@dataclass(frozen=True)
class NetworkInput:
    """What the network is fed.

    Attributes:
        width, height: pixels.
        padding_value: grey level around a letterboxed picture, 0 to 255.
        scaling_factor: what pixel values (0 to 255) are divided by.
        mean, std: per channel, applied after scaling; None where the package says nothing.
    """

    width: int
    height: int
    color_mode: Literal["rgb", "bgr"]
    resize_mode: Literal["letterbox", "stretch"]
    padding_value: int
    scaling_factor: float
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


@dataclass(frozen=True)
class ModelPackage:
    """A model package without its weights."""

    task_type: str
    architecture: str
    class_names: tuple[str, ...]
    network_input: NetworkInput


def parse_package(files: Mapping[str, bytes]) -> ModelPackage:
    """Reads the files named in `DESCRIPTION_FILES`.

    Raises:
        ModelPackageInvalid: a file is broken, or the package asks for what this engine does not do.
    """
    model = _parse_json(MODEL_CONFIG, files[MODEL_CONFIG])
    inference = _parse_json(INFERENCE_CONFIG, files[INFERENCE_CONFIG])
    _require(MODEL_CONFIG, model, "backend_type", ("onnx",))
    _refuse_preprocessing(inference.get("image_pre_processing") or {})
    _refuse_fused(inference.get("post_processing") or {})
    class_names = tuple(name for name in files[CLASS_NAMES].decode().splitlines() if name)
    if not class_names:
        raise ModelPackageInvalid(f"{CLASS_NAMES} names no class")
    return ModelPackage(
        task_type=_require(MODEL_CONFIG, model, "task_type", TASK_TYPES),
        architecture=_require(MODEL_CONFIG, model, "model_architecture", ARCHITECTURES),
        class_names=class_names,
        network_input=_parse_network_input(inference.get("network_input") or {}),
    )


def _parse_json(name: str, content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ModelPackageInvalid(f"{name} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ModelPackageInvalid(f"{name} must hold a JSON object")
    return parsed


def _parse_network_input(values: dict[str, Any]) -> NetworkInput:
    size = values.get("training_input_size") or {}
    if values.get("input_channels", 3) != 3:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: input_channels must be 3")
    mean, std = _parse_normalization(values.get("normalization"))
    return NetworkInput(
        width=_parse_side(size, "width"),
        height=_parse_side(size, "height"),
        color_mode=_require(INFERENCE_CONFIG, values, "color_mode", COLOR_MODES),
        resize_mode=_require(INFERENCE_CONFIG, values, "resize_mode", RESIZE_MODES),
        padding_value=values.get("padding_value") or _NO_PADDING_VALUE,
        scaling_factor=float(values.get("scaling_factor") or _NO_SCALING_FACTOR),
        mean=mean,
        std=std,
    )


def _parse_side(size: dict[str, Any], side: str) -> int:
    pixels = size.get(side)
    if not isinstance(pixels, int) or pixels < 1:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: training_input_size.{side} must be a number of pixels")
    return pixels


def _parse_normalization(value: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | tuple[None, None]:
    if value is None:
        return None, None
    try:
        mean, std = (tuple(float(number) for number in numbers) for numbers in value)
    except (TypeError, ValueError) as error:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: normalization must be two lists of numbers") from error
    if len(mean) != 3 or len(std) != 3:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: normalization must have three numbers in each list")
    return mean, std


def _require(file: str, values: dict[str, Any], name: str, supported: tuple[str, ...]) -> Any:
    if (value := values.get(name)) not in supported:
        raise ModelPackageInvalid(f"{file}: {name} is {value!r}; this engine runs {', '.join(supported)}")
    return value


def _refuse_preprocessing(steps: dict[str, Any]) -> None:
    # Auto-orient is about a photo's EXIF, which frames of a video don't have.
    unsupported = [name for name, step in steps.items() if name != "auto-orient" and step and step.get("enabled")]
    if unsupported:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: image_pre_processing {unsupported[0]} is not supported")


def _refuse_fused(post_processing: dict[str, Any]) -> None:
    if post_processing.get("type", "nms") != "nms" or post_processing.get("fused"):
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: post_processing must be nms that is not fused into the model")
