"""Makes model packages from ONNX files of YOLO exporters, which say in the file's metadata what the model finds.

https://docs.ultralytics.com/modes/export/; YOLOv5 writes only the class names, and other exporters nothing.
"""

import ast
import json
import re
import shlex
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoengine.errors import ModelPackageInvalid
from videoengine.families import FAMILIES, Layout
from videoengine.model_packages import (
    CLASS_NAMES,
    INFERENCE_CONFIG,
    KEYPOINTS_METADATA,
    MODEL_CONFIG,
    WEIGHTS,
    parse_package,
)
from videoengine.onnx_file import OnnxFile, find_external_files, read_onnx_file
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videojobs.outputs.coco_parts import KEYPOINTS_MAX

_TASK_TYPES = {
    "detect": "object-detection",
    "segment": "instance-segmentation",
    "pose": "keypoint-detection",
    "classify": "classification",
}
"""The project's names of Ultralytics' tasks."""

_DEFAULT_FAMILIES: Mapping[Layout, str] = {
    "rows with objectness": "yolov5",
    "columns": "yolov8",
    "selected": "yolo26",
    "no boxes": "yolov8",
}
"""For files that don't name their family: one whose outputs look the same, and which is run in the same way."""

_MAX_SELECTED = 1000
"""The most boxes of a network that ends in its own selection; others have thousands. Exporters choose 300."""


def compose_package(weights: Path, *, class_names: Path | None = None, family: str | None = None) -> dict[str, bytes]:
    """The files of a package except the weights, by name.

    Args:
        weights: The ONNX file.
        class_names: A text file with a name on each line; by default, the names are in the ONNX file.
        family: A key of `FAMILIES`; by default, the ONNX file shows it.

    Raises:
        CommandError: It is not an ONNX file, the engine can't run such a model, or something is not known about it; the
            message says what to do.
    """
    check_file(weights)
    if weights.suffix.lower() == ".pt":
        word = shlex.quote(str(weights))
        raise CommandError(
            f"{weights} has weights for PyTorch. Export them as ONNX: yolo export model={word} format=onnx, "
            f"or in YOLOv5's repository, python export.py --weights {word} --include onnx."
        )
    try:
        onnx = read_onnx_file(weights)
    except ValueError as problem:
        raise CommandError(f"{weights} is not an ONNX file: {problem}.") from problem
    try:
        names = _read_class_names(class_names) if class_names else _parse_names(onnx.metadata.get("names"))
        files = _describe(onnx, names, family)
        parse_package(files)
    except (ValueError, ModelPackageInvalid) as problem:
        raise CommandError(f"{weights} can't be made a model package: {problem}.") from problem
    except (TypeError, LookupError) as problem:
        raise CommandError(f"{weights} can't be made a model package: its metadata has an unknown form.") from problem
    return files


def link_package(weights: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes a package's files into a new folder, with links to the weights."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name, file in list_weights(weights).items():
        (folder / name).symlink_to(file)


def list_weights(weights: Path) -> dict[str, Path]:
    """The ONNX file and its external data, by the names that they have in a package."""
    weights = weights.resolve()
    beside = {name: weights.parent / name for name in find_external_files(weights) if Path(name).name == name}
    return {WEIGHTS: weights, **beside}


def _describe(onnx: OnnxFile, names: Sequence[str], family: str | None) -> dict[str, bytes]:
    task = onnx.metadata.get("task", "segment" if len(onnx.outputs) == 2 else "detect")
    if task not in _TASK_TYPES:
        raise ValueError(f"its task is {task!r}; this engine runs {', '.join(_TASK_TYPES)}")
    width, height = _find_size(onnx)
    points = _count_points(onnx.metadata) if task == "pose" else 0
    layout = _find_layout(onnx, len(names), task, points, family=family)
    family = family or _find_family(onnx.metadata, layout)
    network_input = {
        "training_input_size": {"width": width, "height": height},
        # Also of a network for any size: pictures are resized to the size of its training.
        "dynamic_spatial_size_supported": False,
        "color_mode": "rgb",
        # Ultralytics' classifiers crop their input; a crop of a video's frame would hide its sides.
        "resize_mode": "stretch" if task == "classify" else "letterbox",
        "padding_value": 114,
        "input_channels": 3,
        "scaling_factor": 255,
    }
    post_processing = {
        "type": "softmax" if task == "classify" else "nms",
        "fused": layout in ("no boxes", "selected"),  # Ultralytics' classifiers end in softmax
    }
    described: dict[str, Any] = {
        MODEL_CONFIG: {"model_architecture": family, "task_type": _TASK_TYPES[task], "backend_type": "onnx"},
        INFERENCE_CONFIG: {
            "network_input": network_input,
            "forward_pass": {"static_batch_size": 1},
            "post_processing": post_processing,
        },
    }
    if points:
        described[KEYPOINTS_METADATA] = [
            {
                "object_class_id": number,
                "keypoints": {str(index): name for index, name in enumerate(of_class)},
                "edges": [],  # Ultralytics does not say which points a skeleton connects
            }
            for number, of_class in enumerate(_name_points(onnx.metadata, len(names), points))
        ]
    return {
        CLASS_NAMES: "".join(f"{name}\n" for name in names).encode(),
        **{name: json.dumps(content, indent=2).encode() for name, content in described.items()},
    }


def _find_size(onnx: OnnxFile) -> tuple[int, int]:
    """The width and the height of the network's input. A file for any size may say for which it was trained."""
    if not onnx.inputs or len(onnx.inputs[0]) != 4 or onnx.inputs[0][1] not in (3, -1):
        raise ValueError("its input is not a picture with three channels")
    height, width = onnx.inputs[0][2:]
    if -1 in (height, width):
        sizes = _parse(onnx.metadata.get("imgsz"))
        if not isinstance(sizes, list) or len(sizes) != 2:
            raise ValueError("its input may have any size: export it with a fixed one (without dynamic)")
        height, width = sizes
    return width, height


def _find_layout(onnx: OnnxFile, classes: int, task: str, points: int, *, family: str | None) -> Layout:
    """How the first output holds boxes, by its shape: (1, values, boxes) or (1, boxes, values)."""
    if not onnx.outputs:
        raise ValueError("it has no outputs")
    shape = onnx.outputs[0][1:]
    fitting: list[Layout] = []
    if task == "classify":
        fitting += ["no boxes"] if shape in ((classes,), (-1,)) else []
    elif shape == (-1, -1) and "end2end" in onnx.metadata:  # of a network for any size
        fitting += ["selected"] if _is_selecting(onnx.metadata) else ["columns"]
    elif len(shape) == 2 and (task != "segment" or len(onnx.outputs) == 2):
        masks = onnx.outputs[1][1] if task == "segment" else 0
        first, last = (size - masks - 3 * points for size in shape)
        fitting += ["columns"] if first == 4 + classes else []
        fitting += ["selected"] if last == 6 and shape[0] <= _MAX_SELECTED else []
        fitting += ["rows with objectness"] if last == 5 + classes else []
    if family in FAMILIES and task != "classify":  # any YOLO network may end in its own selection
        fitting = [layout for layout in (FAMILIES[family].layout, "selected") if layout in fitting]
    if fitting:
        return fitting[0]
    given = ", ".join(" x ".join(map(str, output)) for output in onnx.outputs)
    raise ValueError(
        f"its outputs of {given} are not those of a {family or 'YOLO'} model with {classes} classes. Are these its "
        "classes? A model of another family needs a package from Roboflow"
    )


def _is_selecting(metadata: Mapping[str, str]) -> bool:
    """Whether Ultralytics' export ends in a selection of its own."""
    arguments = _parse(metadata.get("args"))
    return metadata["end2end"] == "True" or (isinstance(arguments, dict) and bool(arguments.get("nms")))


def _find_family(metadata: Mapping[str, str], layout: Layout) -> str:
    """The family that Ultralytics' description names, as in `Ultralytics YOLO11n model`, if it has such outputs."""
    found = re.search(r"yolov?(\d+)", metadata.get("description", ""), flags=re.IGNORECASE)
    for name in (f"yolov{found[1]}", f"yolo{found[1]}") if found else ():
        if name in FAMILIES and layout in (FAMILIES[name].layout, "selected", "no boxes"):
            return name
    return _DEFAULT_FAMILIES[layout]


def _read_class_names(path: Path) -> list[str]:
    check_file(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} must be saved in UTF-8: byte {error.start} is invalid.") from error
    if not (names := _clean([line for line in lines if line.strip()])):
        raise CommandError(f"{path} has no names: give a file with the name of a class on each line.")
    return names


def _parse_names(text: str | None) -> list[str]:
    """`{0: 'person', 1: 'bicycle'}`, or a list of names."""
    names = _parse(text)
    if isinstance(names, list):
        return _clean(names)
    by_number = {str(number): name for number, name in names.items()} if isinstance(names, dict) else {}
    numbers = list(map(str, range(len(by_number))))
    if not numbers or by_number.keys() != {*numbers}:
        raise ValueError(
            "it does not name its classes. Make a package with videoinfer package and --class-names, a file with a "
            "name on each line"
        )
    return _clean([by_number[number] for number in numbers])


def _count_points(metadata: Mapping[str, str]) -> int:
    shape = _parse(metadata.get("kpt_shape"))
    if not isinstance(shape, list | tuple) or len(shape) != 2 or shape[1] != 3:
        raise ValueError(f"its key points have the shape {shape}; this engine reads x, y and confidence of each")
    if shape[0] > KEYPOINTS_MAX:
        raise ValueError(f"it has {shape[0]:,} key points, and a class may have {KEYPOINTS_MAX:,}")
    return int(shape[0])


def _name_points(metadata: Mapping[str, str], classes: int, points: int) -> list[list[str]]:
    """The names of the key points of each class; numbers where the file does not name them."""
    named = _parse(metadata.get("kpt_names"))
    names = named if isinstance(named, dict) else {}
    unnamed = list(map(str, range(points)))
    return [_clean(names[number]) if len(names.get(number, ())) == points else unnamed for number in range(classes)]


def _parse(text: str | None) -> Any:
    """The value of a Python literal, or None."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of backslashes in names
            return ast.literal_eval(text or "None")
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _clean(names: Sequence[object]) -> list[str]:
    """Names that each fill one line of a file."""
    return [" ".join(str(name).split()) or f"class {number}" for number, name in enumerate(names)]
