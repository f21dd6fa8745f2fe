"""`coco.json`: the predictions as a dataset in COCO's format, for tools that train, compare or visualize.

Each sampled frame is an image. A frame that is sampled twice in a row is one image, with its first annotations.

A category is a class of a model, and the model is its `supercategory`. Categories are numbered from 1 in order of
appearance; `class` and `class_id` are the model's own name and number. `name` is the same as `class`, unless several
models have a class of that name: readers such as Datumaro, which CVAT uses, need unique names.

A label of a whole frame gets the frame as its box; a detection without a box is left out. A mask without an outline
gets its box as the outline, because tools expect a segmentation for every mask. Annotations with the same `track_id`
and `supercategory` are the same object.

All annotations of a category must have the same number of key points, but predictions leave out those that the model
did not see. The number is known only at the end, so annotations with key points wait in a temporary file.
Source: cocodataset.org, "Data format".
"""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import batched, chain, repeat
from pathlib import PurePosixPath
from typing import IO

import msgspec
from msgspec import Struct

from videojobs.foreign_text import file_name
from videojobs.jobs.ledger import Job
from videojobs.outputs.coco_parts import (
    Categories,
    describe_keypoints,
    flatten,
    list_keypoints,
    measure_area,
    name_picture,
    name_uniquely,
    outline,
    place_keypoints,
)
from videojobs.outputs.files import OutputFiles
from videojobs.results.predictions import Frames

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_decode = msgspec.json.Decoder().decode


_TYPES_WITH_SHAPES = {"instance-segmentation", "keypoint-detection"}

_COLUMNS = ("class", "class_id", "confidence", "x", "y", "width", "height", "points", "keypoints")


class _Annotation(Struct, gc=False, omit_defaults=True):
    """An annotation with COCO's names: a struct, because writing it takes a fraction of a dictionary's time."""

    id: int
    image_id: int
    category_id: int
    iscrowd: int
    bbox: tuple[float, float, float, float]
    area: float
    segmentation: Sequence[Sequence[float]]
    score: float | None = None
    track_id: int | None = None
    keypoints: Sequence[float] | None = None


class _Image(Struct, gc=False):
    id: int
    file_name: str
    width: int
    height: int
    frame_offset: int
    time_offset: float


_IMAGES_A_BATCH = 1_000


def _join_lines(items: Sequence[Struct]) -> bytes:
    """Returns the items of a JSON list, each on a line."""
    return _encode_lines(items)[:-1].replace(b"\n", b",\n")  # JSON has no line breaks within texts


class CocoDataset:
    """Writes annotations at once, and images and categories at the end. Memory holds 28 bytes per sampled frame."""

    def __init__(self, job: Job, files: OutputFiles) -> None:
        self._job = job
        self._file = files.open("coco.json", "application/json")
        self._images = array("i")  # by sample: the index of its image in the arrays below
        self._frames, self._times = array("q"), array("d")
        self._widths, self._heights = array("i"), array("i")
        self._categories = Categories()
        self._annotations = 0
        self._is_begun = False
        self._waiting: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  it is closed with the files
        files.call_at_exit(self._waiting.close)
        info = {"description": job.upload.uri, "date_created": job.created_at, "version": job.job_id}
        self._file.write(b'{"info": ' + _encode(info) + b', "licenses": [], "annotations": [')

    def add(self, frames: Frames) -> None:
        self._take_images(frames)
        predictions = frames.predictions
        images = self._images[frames.first : frames.first + len(predictions.counts)]
        last = self._images[frames.first - 1] if frames.first else None
        is_repeated = [image == before for image, before in zip(images, (last, *images), strict=False)]
        if predictions.are_plain_boxes and frames.inference_type not in _TYPES_WITH_SHAPES and not any(is_repeated):
            annotations = self._annotate_boxes(frames, images)
        else:
            annotations = list(self._annotate(frames, images, is_repeated))
        if frames.inference_type == "keypoint-detection":
            self._waiting.write(_encode_lines(annotations))
        elif annotations:
            self._write_annotations(_join_lines(annotations))

    def _annotate_boxes(self, frames: Frames, images: Sequence[int]) -> list[_Annotation]:
        """Annotates frames with only boxes, column by column."""
        predictions = frames.predictions
        names, class_ids, confidences, *sides = (predictions.columns[name] for name in _COLUMNS[:7])
        numbers: dict[str, int] = {}
        for name, class_id in zip(names, class_ids, strict=True):
            if name not in numbers:
                numbers[name] = self._categories.find(frames.model_id, name, class_id).number
        boxes = [(x - width / 2, y - height / 2, width, height) for x, y, width, height in zip(*sides, strict=True)]
        begun = self._annotations
        self._annotations += len(boxes)
        columns = (
            range(begun + 1, self._annotations + 1),
            chain.from_iterable(
                repeat(image + 1, count) for image, count in zip(images, predictions.counts, strict=True)
            ),
            map(numbers.__getitem__, names),
            repeat(0),
            boxes,
            [width * height for _, _, width, height in boxes],
            repeat(()),
            confidences,
            frames.track_ids or repeat(None),
        )
        return list(map(_Annotation, *columns))

    def _annotate(self, frames: Frames, images: Sequence[int], is_repeated: Sequence[bool]) -> Iterator[_Annotation]:
        predictions = frames.predictions
        is_mask = frames.inference_type == "instance-segmentation"
        has_keypoints = frames.inference_type == "keypoint-detection"
        find_category = self._categories.find
        columns = [predictions.columns[name] for name in _COLUMNS]
        for number, track_id, name, class_id, confidence, x, y, width, height, points, keypoints in zip(
            predictions.frames, frames.track_ids or repeat(None), *columns, strict=False
        ):
            if name is None or is_repeated[number]:
                continue
            image = images[number]
            if x is None or y is None or width is None or height is None:
                if frames.facts[number].scores is None:
                    continue  # a detection without a box; only a classification is about the whole frame
                width, height = self._widths[image], self._heights[image]
                left, top = 0.0, 0.0
            else:
                left, top = x - width / 2, y - height / 2
            polygon = flatten(points) if points else []
            if not polygon and is_mask:
                polygon = outline(left, top, width, height)
            category = find_category(frames.model_id, name, class_id)
            self._annotations += 1
            annotation = _Annotation(
                self._annotations,
                image + 1,
                category.number,
                0,
                (left, top, width, height),
                measure_area(polygon) if polygon else width * height,
                (polygon,) if polygon else (),
                confidence,
                track_id,
            )
            if has_keypoints:
                seen = list_keypoints(keypoints or (), category)
                annotation.keypoints = place_keypoints(seen, len(category.keypoints))
            yield annotation

    def finish(self) -> None:
        self._waiting.seek(0)
        lengths = {category.number: len(category.keypoints) for category in self._categories.found}
        for line in self._waiting:
            annotation = _decode(line)
            annotation |= describe_keypoints(annotation["keypoints"], lengths[annotation["category_id"]])
            self._write_annotations(_encode(annotation))
        self._file.write(b'], "images": [')
        folder = file_name(PurePosixPath(self._job.upload.key).stem) or "video"
        last = -1
        size = next(((w, h) for w, h in zip(self._widths, self._heights, strict=True) if w), (0, 0))
        images = enumerate(zip(self._frames, self._times, self._widths, self._heights, strict=True), start=1)
        for number, batch in enumerate(batched(images, _IMAGES_A_BATCH, strict=False)):
            lines = []
            for image, (frame, time, width, height) in batch:
                name = f"{folder}/{name_picture(frame, image, last)}"
                last = max(last, frame)
                # A video's frames are all of one size.
                lines.append(_Image(image, name, width or size[0], height or size[1], frame, time))
            self._file.write((b",\n" if number else b"") + _join_lines(lines))
        found = self._categories.found
        unique = name_uniquely([(category.name, category.supercategory) for category in found])
        categories = [category.to_dict(name) for category, name in zip(found, unique, strict=True)]
        self._file.write(b'], "categories": ' + _encode(categories) + b"}\n")

    def _write_annotations(self, lines: bytes) -> None:
        if self._is_begun:
            self._file.write(b",\n")
        self._file.write(lines)
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
