"""Reads Roboflow's model packages, whose files describe how a model is run.

A package is a folder with `weights.onnx`, `class_names.txt`, `inference_config.json` and `model_config.json`. Keypoint
detection also needs `keypoints_metadata.json`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from videoengine.errors import ModelPackageInvalid
from videoengine.families import FAMILIES, Family, Layout, ResizeMode, list_architectures
from videoengine.model_effort import estimate_frame_seconds

WEIGHTS = "weights.onnx"
CLASS_NAMES = "class_names.txt"
INFERENCE_CONFIG = "inference_config.json"
MODEL_CONFIG = "model_config.json"
KEYPOINTS_METADATA = "keypoints_metadata.json"
REQUIRED_FILES = (WEIGHTS, CLASS_NAMES, INFERENCE_CONFIG, MODEL_CONFIG)
DESCRIPTION_FILES = (CLASS_NAMES, INFERENCE_CONFIG, MODEL_CONFIG, KEYPOINTS_METADATA)
"""All files except the weights. The last one may be missing."""

COLOR_MODES = ("rgb", "bgr")


@dataclass(frozen=True)
class Task:
    """A task type of `model_config.json`.

    Attributes:
        name: the API's inference type.
        post_processing: the only supported `post_processing.type` of `inference_config.json`.
    """

    name: str
    post_processing: str


_TASKS = {
    "object-detection": Task("object-detection", "nms"),
    "instance-segmentation": Task("instance-segmentation", "nms"),
    "keypoint-detection": Task("keypoint-detection", "nms"),
    "classification": Task("classification", "softmax"),
    "multi-label-classification": Task("classification", "sigmoid"),
    "embedding": Task("clip-embed-image", "none"),
}

TASK_TYPES = tuple(dict.fromkeys(task.name for task in _TASKS.values()))
"""The API's inference types that this engine supports."""

# By the names in packages. As in Roboflow's runner, edges are not reflected.
_RESIZE_MODES: dict[str, ResizeMode] = {
    "letterbox": "letterbox",
    "letterbox-reflect-edges": "letterbox",
    "stretch": "stretch",
    "center-crop": "center-crop",
}
_FIT_LONGER_EDGE = "fit-longer-edge"

_NO_PADDING_VALUE = 0
"""Replaces a missing `padding_value`, as in Roboflow's runner."""


@dataclass(frozen=True)
class NetworkInput:
    """The input of a network, and how frames are preprocessed for it.

    Attributes:
        width, height: pixels.
        resize_mode: `letterbox` adds a margin, `stretch` changes the aspect ratio, `center-crop` does not scale, and
            `cover` scales until the input is full, then crops.
        padding_value: gray level of the margin in letterbox mode, 0 to 255.
        scaling_factor: divisor of pixel values (0 to 255).
        mean, std: for each channel, applied after scaling; None if the package has no normalization.
    """

    width: int
    height: int
    color_mode: Literal["rgb", "bgr"]
    resize_mode: ResizeMode
    padding_value: int
    scaling_factor: float
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


@dataclass(frozen=True)
class ModelPackage:
    """A model package without its weights.

    Attributes:
        task_type: one of `TASK_TYPES`.
        architecture: a key of `FAMILIES`.
        class_names: in the order of the network's outputs.
        fused: whether post-processing (NMS, softmax, sigmoid) is part of the network.
        removed_class_names: classes of `class_names` that are never reported.
        keypoint_names: for each class; empty if the model detects no key points.
        multi_label: whether a picture may have several labels, or none.
        size_bytes: of all its files; 0 if its files have not been listed.
    """

    task_type: str
    architecture: str
    class_names: tuple[str, ...]
    network_input: NetworkInput
    fused: bool = False
    removed_class_names: frozenset[str] = frozenset()
    keypoint_names: tuple[tuple[str, ...], ...] = ()
    multi_label: bool = False
    size_bytes: int = 0

    @property
    def frame_seconds(self) -> float:
        """The estimated work for one frame. It needs `size_bytes`."""
        return estimate_frame_seconds(self.size_bytes, self.network_input.width * self.network_input.height)

    @property
    def family(self) -> Family:
        """The family that the architecture names."""
        return FAMILIES[self.architecture]

    @property
    def layout(self) -> Layout:
        """How the network's outputs hold boxes."""
        return "selected" if self.fused and self.family.layout != "no boxes" else self.family.layout


def read_package(folder: Path) -> ModelPackage:
    """Reads the package in a folder on disk.

    Args:
        folder: holds `REQUIRED_FILES`, and `keypoints_metadata.json` if the model detects key points.

    Raises:
        ModelPackageInvalid: as `parse_package`.
    """
    present = [name for name in DESCRIPTION_FILES if (folder / name).is_file()]
    return parse_package({name: (folder / name).read_bytes() for name in present})


def parse_package(files: Mapping[str, bytes]) -> ModelPackage:
    """Parses the files of a package.

    Args:
        files: contents by name, of `DESCRIPTION_FILES`; further files are ignored.

    Raises:
        ModelPackageInvalid: a file is broken, or the package needs a feature that this engine does not have.
    """
    model = _parse_json(MODEL_CONFIG, files[MODEL_CONFIG])
    inference = _parse_json(INFERENCE_CONFIG, files[INFERENCE_CONFIG])
    _require(MODEL_CONFIG, model, "backend_type", ("onnx",))
    kind = _require(MODEL_CONFIG, model, "task_type", tuple(_TASKS))
    task = _TASKS[kind]
    architecture = _require(MODEL_CONFIG, model, "model_architecture", list_architectures(kind))
    family = FAMILIES[architecture]
    _refuse_preprocessing(inference.get("image_pre_processing") or {})
    class_names = _parse_class_names(files[CLASS_NAMES], task)
    return ModelPackage(
        task_type=task.name,
        architecture=architecture,
        class_names=class_names,
        network_input=_parse_network_input(inference.get("network_input") or {}, family),
        fused=_parse_fused(inference.get("post_processing") or {}, task, family),
        removed_class_names=_parse_removed(inference.get("class_names_operations") or []),
        keypoint_names=_parse_keypoints(files, class_names) if task.name == "keypoint-detection" else (),
        multi_label=kind == "multi-label-classification",
    )


def _parse_class_names(content: bytes, task: Task) -> tuple[str, ...]:
    # Like Roboflow's runner: only these line ends count, spaces are stripped, and empty lines are skipped.
    lines = (line.strip() for line in re.split(r"\r\n|\r|\n", _decode(CLASS_NAMES, content)))
    names = tuple(filter(None, lines))
    if not names and task.name != "clip-embed-image":
        raise ModelPackageInvalid(f"{CLASS_NAMES} names no class")
    return names


def _decode(name: str, content: bytes) -> str:
    """A file's text, without the byte order mark that editors on Windows add."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelPackageInvalid(f"{name} must be saved in UTF-8; byte {error.start} is invalid") from error
    # UTF-16 without a byte order mark is valid UTF-8, with a NUL beside each Latin letter.
    if "\0" in text:
        raise ModelPackageInvalid(f"{name} must be saved in UTF-8; byte {text.index('\0')} is NUL")
    return text


def _parse_json(name: str, content: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(_decode(name, content))
    except ValueError as error:
        raise ModelPackageInvalid(f"{name} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise ModelPackageInvalid(f"{name} must hold a JSON object")
    return parsed


def _parse_network_input(values: dict[str, Any], family: Family) -> NetworkInput:
    values = {**family.default_input, **values}
    size = values.get("training_input_size") or {}
    if values.get("input_channels", 3) != 3:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: input_channels must be 3")
    mean, std = _parse_normalization(values.get("normalization"))
    resize_mode, padding_value = _parse_resize_mode(values, family)
    return NetworkInput(
        width=_parse_side(size, "width"),
        height=_parse_side(size, "height"),
        color_mode=_require(INFERENCE_CONFIG, values, "color_mode", COLOR_MODES),
        resize_mode=resize_mode,
        padding_value=padding_value,
        scaling_factor=float(values.get("scaling_factor") or family.default_scaling_factor),
        mean=mean,
        std=std,
    )


def _parse_resize_mode(values: dict[str, Any], family: Family) -> tuple[ResizeMode, int]:
    """How a frame is resized to the network's input, and the gray level of the margin."""
    if family.fixed_resize_mode:
        return family.fixed_resize_mode, _NO_PADDING_VALUE
    if family.is_trained_stretched and not _is_resized_before_training(values):
        return "stretch", _NO_PADDING_VALUE
    mode = _require(INFERENCE_CONFIG, values, "resize_mode", (*_RESIZE_MODES, _FIT_LONGER_EDGE))
    if mode == _FIT_LONGER_EDGE:
        return family.fit_longer_edge
    return _RESIZE_MODES[mode], values.get("padding_value") or _NO_PADDING_VALUE


def _is_resized_before_training(values: dict[str, Any]) -> bool:
    """Whether the data set was resized before training, which then stretched the pictures.

    The package names both sizes. A single resize replaces both steps only if the sizes have the same aspect ratio.
    """
    before, size = values.get("dataset_version_resize_dimensions"), values.get("training_input_size") or {}
    if not before or values.get("resize_mode") in ("stretch", _FIT_LONGER_EDGE):
        return False
    (width, height), (before_width, before_height) = (
        (_parse_side(sides, "width"), _parse_side(sides, "height")) for sides in (size, before)
    )
    is_same_shape = before_width * height == before_height * width
    if not is_same_shape or (values["resize_mode"] == "center-crop" and before != size):
        raise ModelPackageInvalid(
            f"{INFERENCE_CONFIG}: dataset_version_resize_dimensions must have the shape of training_input_size"
        )
    return True


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
    # Auto-orient concerns EXIF data of photos, which video frames don't have.
    unsupported = [name for name, step in steps.items() if name != "auto-orient" and step and step.get("enabled")]
    if unsupported:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: image_pre_processing {unsupported[0]} is not supported")


def _parse_fused(post_processing: dict[str, Any], task: Task, family: Family) -> bool:
    if post_processing.get("type", task.post_processing) != task.post_processing:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: post_processing.type must be {task.post_processing}")
    if family.layout in ("selected", "queries"):  # the network decides, whatever the package says
        return family.layout == "selected"
    return bool(post_processing.get("fused"))


def _parse_removed(operations: list[dict[str, Any]]) -> frozenset[str]:
    if unknown := [entry.get("type") for entry in operations if entry.get("type") != "class_name_removal"]:
        raise ModelPackageInvalid(f"{INFERENCE_CONFIG}: class_names_operations {unknown[0]!r} is not supported")
    return frozenset(entry.get("class_name", "") for entry in operations)


def _parse_keypoints(files: Mapping[str, bytes], class_names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The names of the key points of each class, in the order of the network's outputs."""
    if KEYPOINTS_METADATA not in files:
        raise ModelPackageInvalid(f"keypoint detection needs {KEYPOINTS_METADATA}")
    try:
        described = {
            int(entry["object_class_id"]): tuple(name for _, name in sorted(_number_keypoints(entry["keypoints"])))
            for entry in json.loads(_decode(KEYPOINTS_METADATA, files[KEYPOINTS_METADATA]))
        }
        return tuple(described[class_id] for class_id in range(len(class_names)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelPackageInvalid(
            f"{KEYPOINTS_METADATA} must list object_class_id and keypoints (names by number) for every class"
        ) from error


def _number_keypoints(names: dict[str, str]) -> list[tuple[int, str]]:
    return [(int(number), name) for number, name in names.items()]
