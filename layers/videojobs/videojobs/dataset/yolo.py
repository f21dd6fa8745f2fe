"""YOLO, as Ultralytics lays it out: `data.yaml`, and `labels/train/<picture>.txt` beside `images/train`.

A line of a text file is a label: the class's number from 0, and coordinates as shares of the picture's sides.

| task | line |
|---|---|
| detection | class, center x, center y, width, height |
| segmentation, if a label has a mask | class, x, y, x, y, … of the outline; boxes become outlines with four corners |
| pose, if a label has key points | as for detection, then x, y, visibility of each key point |

All lines of a dataset are for one task. Source: docs.ultralytics.com/datasets, "Detect", "Segment" and "Pose".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from videojobs.dataset.contents import IMAGES_FOLDER, DatasetContents
from videojobs.dataset.labels import Label
from videojobs.dataset.sink import DatasetSink
from videojobs.outputs.coco_parts import outline, place_keypoints

DATA_FILE = "data.yaml"
LABELS_FOLDER = "labels/train"


def write_yolo(contents: DatasetContents, sink: DatasetSink) -> Mapping[str, int]:
    keypoints = max((len(category.keypoints) for category in contents.classes), default=0)
    is_segmentation = not keypoints and any(label.polygon for image in contents for label in image.labels)
    left_out = Counter[str]()
    for image in contents:
        lines = []
        for label in image.labels:
            if not label.box:
                left_out["labels of a whole frame"] += 1
                continue
            left_out["masks beside key points, which became boxes"] += bool(keypoints and label.polygon)
            places = _place(label, is_segmentation=is_segmentation)
            numbers = _share(places, image.width, image.height)
            if keypoints:
                placed = place_keypoints(label.keypoints or (), keypoints)
                for x, y, visibility in zip(placed[::3], placed[1::3], placed[2::3], strict=True):
                    numbers += [*_share((x, y), image.width, image.height), f"{visibility:.0f}"]
            lines.append(f"{label.category - 1} {' '.join(numbers)}\n")
        name = PurePosixPath(image.file_name).with_suffix(".txt")
        sink.write(f"{LABELS_FOLDER}/{name}", "".join(lines).encode())
    sink.write(DATA_FILE, _describe(contents.names, keypoints).encode())
    return left_out


def _place(label: Label, *, is_segmentation: bool) -> Sequence[float]:
    left, top, right, bottom = label.box or (0.0, 0.0, 0.0, 0.0)
    if is_segmentation:
        return label.polygon or outline(left, top, right - left, bottom - top)
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]


def _share(values: Sequence[float], width: int, height: int) -> list[str]:
    """Returns x, y, x, y, … as shares of the picture's sides, without exponents, which some readers don't take."""
    return [f"{value / side:.6f}" for value, side in zip(values, [width, height] * (len(values) // 2), strict=True)]


def _describe(names: Sequence[str], keypoints: int) -> str:
    """Returns `data.yaml`. Names are quoted as in JSON, which YAML reads the same without control characters."""
    lines = [
        "# Ultralytics needs a validation set. These are frames of one video: validate with frames of another one.",
        f"train: {IMAGES_FOLDER}",
        f"val: {IMAGES_FOLDER}",
        *([f"kpt_shape: [{keypoints}, 3]"] if keypoints else []),
        f"nc: {len(names)}",
        "names:" if names else "names: {}",
        *(f"  {number}: {msgspec.json.encode(name).decode()}" for number, name in enumerate(names)),
    ]
    return "\n".join(lines) + "\n"
