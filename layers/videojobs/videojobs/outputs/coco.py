"""`coco.json`: the predictions as a dataset in COCO's format, for tools that train, compare or visualize.

Each sampled frame is an image. A frame that is sampled twice in a row is one image, with its first annotations.

A category is a class of a model, and the model is its `supercategory`. Categories are numbered from 1 in order of
appearance; `class` and `class_id` are the model's own name and number. `name` is the same as `class`, unless several
models have a class of that name: readers such as Datumaro, which CVAT uses, need unique names.

A label of a whole frame gets the frame as its box. A mask without an outline gets its box as the outline, because tools
expect a segmentation for every mask. Annotations with the same `track_id` and `supercategory` are the same object.

All annotations of a category must have the same number of key points, but predictions leave out those that the model
did not see. The number is known only at the end, so annotations with key points wait in a temporary file.
Source: cocodataset.org, "Data format".
"""

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath
from typing import IO, Any

import msgspec

from videojobs.foreign_text import file_name
from videojobs.jobs.ledger import Job
from videojobs.outputs.files import OutputFiles
from videojobs.results.predictions import Frames

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

KEYPOINTS_MAX = 1000
"""Maximum key points of a category. A larger class_id is invalid; it would make every annotation that long."""


@dataclass(kw_only=True)
class _Category:
    number: int
    name: str
    supercategory: str
    class_id: int | None
    keypoints: list[str] = field(default_factory=list)

    def to_dict(self, unique_name: str) -> dict[str, Any]:
        described = {"id": self.number, "name": unique_name, "supercategory": self.supercategory, "class": self.name}
        if self.class_id is not None:
            described["class_id"] = self.class_id
        if self.keypoints:
            described |= {"keypoints": self.keypoints, "skeleton": []}
        return described


class CocoDataset:
    """Writes annotations at once, and images and categories at the end. Memory holds 28 bytes per sampled frame."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        self._file = files.open("coco.json", "application/json")
        self._images = array("i")  # by sample: the index of its image in the arrays below
        self._frames, self._times = array("q"), array("d")
        self._widths, self._heights = array("i"), array("i")
        self._categories: dict[tuple[str, str], _Category] = {}
        self._annotations = 0
        self._is_begun = False
        self._waiting: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  it is closed with the files
        files.call_at_exit(self._waiting.close)
        info = {"description": job.upload.uri, "date_created": job.created_at, "version": job.job_id}
        self._file.write(b'{"info": ' + _encode(info) + b', "licenses": [], "annotations": [')

    def add(self, frames: Frames) -> None:
        self._take_images(frames)
        predictions = frames.predictions
        names = ("class", "class_id", "confidence", "x", "y", "width", "height", "points", "keypoints")
        columns = [predictions.columns[name] for name in names]
        has_keypoints = frames.inference_type == "keypoint-detection"
        lines = []
        track_ids = [None] * len(predictions) if frames.track_ids is None else frames.track_ids
        for number, track_id, name, class_id, confidence, x, y, width, height, points, keypoints in zip(
            predictions.frames, track_ids, *columns, strict=True
        ):
            sample = frames.first + number
            image = self._images[sample]
            if name is None or (sample and image == self._images[sample - 1]):
                continue
            category = self._find_category(frames.model_id, name, class_id)
            self._annotations += 1
            annotation = {"id": self._annotations, "image_id": image + 1, "category_id": category.number, "iscrowd": 0}
            if None in (x, y, width, height):
                width, height = self._widths[image], self._heights[image]
                left, top = 0.0, 0.0
            else:
                left, top = x - width / 2, y - height / 2
            polygon = _flatten(points) if points else []
            if not polygon and frames.inference_type == "instance-segmentation":
                polygon = [left, top, left + width, top, left + width, top + height, left, top + height]
            annotation["bbox"] = [left, top, width, height]
            annotation["area"] = _measure_area(polygon) if polygon else width * height
            annotation["segmentation"] = [polygon] if polygon else []
            if confidence is not None:
                annotation["score"] = confidence
            if track_id is not None:
                annotation["track_id"] = track_id
            if has_keypoints:
                annotation["keypoints"] = _place_keypoints(keypoints or (), category)
            lines.append(_encode(annotation))
        if has_keypoints:
            self._waiting.writelines(line + b"\n" for line in lines)
        elif lines:
            self._write_annotations(b",\n".join(lines))

    def finish(self) -> None:
        self._waiting.seek(0)
        lengths = {category.number: 3 * len(category.keypoints) for category in self._categories.values()}
        for line in self._waiting:
            annotation = _decode(line)
            keypoints = annotation["keypoints"]
            keypoints += [0] * (lengths[annotation["category_id"]] - len(keypoints))
            annotation["num_keypoints"] = sum(visibility > 0 for visibility in keypoints[2::3])
            self._write_annotations(_encode(annotation))
        self._file.write(b'], "images": [')
        folder = file_name(PurePosixPath(self._job.upload.key).stem) or "video"
        last = -1
        size = next(((w, h) for w, h in zip(self._widths, self._heights, strict=True) if w), (0, 0))
        for number, (frame, time, width, height) in enumerate(
            zip(self._frames, self._times, self._widths, self._heights, strict=True), start=1
        ):
            # A frame that is out of order may be a duplicate, so it gets another name.
            name = f"{frame:08}" if frame > last else f"{frame:08}-{number}"
            last = max(last, frame)
            image = {
                "id": number,
                "file_name": f"{folder}/{name}.jpg",
                "width": width or size[0],  # a video's frames are all of one size
                "height": height or size[1],
                "frame_offset": frame,
                "time_offset": time,
            }
            self._file.write((b",\n" if number > 1 else b"") + _encode(image))
        found = list(self._categories.values())
        categories = [category.to_dict(name) for category, name in zip(found, _make_unique(found), strict=True)]
        self._file.write(b'], "categories": ' + _encode(categories) + b"}\n")

    def _write_annotations(self, lines: bytes) -> None:
        self._file.write((b",\n" if self._is_begun else b"") + lines)
        self._is_begun = True

    def _take_images(self, frames: Frames) -> None:
        for number, facts in enumerate(frames.facts):
            if frames.first + number == len(self._images):
                self._take_image(frames.frame_offsets[number], frames.time_offsets[number])
            image = self._images[frames.first + number]
            if not self._widths[image] and facts.size:
                self._widths[image], self._heights[image] = facts.size

    def _take_image(self, frame_offset: int, time_offset: float) -> None:
        if not self._frames or self._frames[-1] != frame_offset:
            self._frames.append(frame_offset)
            self._times.append(time_offset)
            self._widths.append(0)
            self._heights.append(0)
        self._images.append(len(self._frames) - 1)

    def _find_category(self, model_id: str, name: str, class_id: int | None) -> _Category:
        category = self._categories.get((model_id, name))
        if category is None:
            category = _Category(number=len(self._categories) + 1, name=name, supercategory=model_id, class_id=class_id)
            self._categories[model_id, name] = category
        return category


def _make_unique(categories: Sequence[_Category]) -> Iterator[str]:
    """Yields a unique name for each category: `person`, or `person (model)` if several models have that class."""
    counts = Counter(category.name for category in categories)
    taken = {name for name, categories_of_it in counts.items() if name and categories_of_it == 1}
    for category in categories:
        if category.name and counts[category.name] == 1:
            yield category.name
            continue
        name = wanted = f"{category.name or '(no name)'} ({category.supercategory})"
        for number in count(2):
            if name not in taken:
                break
            name = f"{wanted} {number}"
        taken.add(name)
        yield name


def _flatten(points: Sequence[Mapping[str, Any]]) -> list[float]:
    """Returns x, y, x, y, …; empty if a coordinate is missing or there are too few points for a polygon."""
    flat = [point.get(axis) for point in points for axis in ("x", "y")]
    return [] if None in flat or len(flat) < 6 else flat  # type: ignore[return-value]  # None is ruled out


def _measure_area(polygon: Sequence[float]) -> float:
    """The shoelace formula."""
    xs, ys = polygon[::2], polygon[1::2]
    following = zip([*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True)
    return abs(sum(x * next_y - next_x * y for x, y, (next_x, next_y) in zip(xs, ys, following, strict=True))) / 2


def _place_keypoints(keypoints: Sequence[Mapping[str, Any]], category: _Category) -> list[float]:
    """Returns x, y, visibility of each key point of a category, in the order of their numbers, as COCO requires."""
    for index, point in enumerate(keypoints):
        number = _number_keypoint(index, point)
        while len(category.keypoints) <= number:
            category.keypoints.append(str(len(category.keypoints)))
        if isinstance(point.get("class"), str):
            category.keypoints[number] = point["class"]
    placed: list[float] = [0] * (3 * len(category.keypoints))
    for index, point in enumerate(keypoints):
        if point.get("x") is not None and point.get("y") is not None:
            start = 3 * _number_keypoint(index, point)
            placed[start : start + 3] = [point["x"], point["y"], 2]
    return placed


def _number_keypoint(index: int, point: Mapping[str, Any]) -> int:
    number = point.get("class_id")
    return number if isinstance(number, int) and 0 <= number < KEYPOINTS_MAX else min(index, KEYPOINTS_MAX - 1)
