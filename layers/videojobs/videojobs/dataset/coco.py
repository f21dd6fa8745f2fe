"""COCO: `annotations/instances_train.json`, whose `file_name` is a picture in `images/train`.

Fields are those of the output `coco.json`: a label of a whole frame has the frame as its box, and there are `score` and
`track_id`. Source: cocodataset.org, "Data format".
"""

from collections.abc import Mapping
from typing import IO, Any

import msgspec

from videojobs.dataset.contents import DatasetContents, LabeledImage
from videojobs.dataset.labels import Label
from videojobs.dataset.sink import DatasetSink, writing_file
from videojobs.outputs.coco_parts import describe_keypoints, describe_shape, place_keypoints

COCO_FILE = "annotations/instances_train.json"

_encode = msgspec.json.Encoder().encode


def write_coco(contents: DatasetContents, sink: DatasetSink) -> Mapping[str, int]:
    with writing_file(sink, COCO_FILE) as file:
        file.write(b'{"info": {}, "licenses": [], "images": [')
        for image in contents:
            described = {
                "id": image.number + 1,
                "file_name": image.file_name,
                "width": image.width,
                "height": image.height,
                "frame_offset": image.frame_offset,
                "time_offset": image.time_offset,
            }
            _write_entry(file, described, is_first=image.number == 0)
        file.write(b'], "annotations": [')
        annotations = 0
        for image in contents:
            for label in image.labels:
                _write_entry(file, _annotate(annotations + 1, image, label, contents), is_first=annotations == 0)
                annotations += 1
        categories = [
            category.to_dict(name) | ({"keypoints": contents.name_keypoints(category)} if category.keypoints else {})
            for category, name in zip(contents.classes, contents.names, strict=True)
        ]
        file.write(b'], "categories": ' + _encode(categories) + b"}\n")
    return {}


def _write_entry(file: IO[bytes], entry: Mapping[str, Any], *, is_first: bool) -> None:
    file.write((b"" if is_first else b",\n") + _encode(entry))


def _annotate(number: int, image: LabeledImage, label: Label, contents: DatasetContents) -> dict[str, Any]:
    left, top, right, bottom = label.box or (0.0, 0.0, float(image.width), float(image.height))
    annotation = {"id": number, "image_id": image.number + 1, "category_id": label.category, "iscrowd": 0}
    annotation |= describe_shape(
        [left, top, right - left, bottom - top], label.polygon, label.confidence, label.track_id
    )
    length = len(contents.classes[label.category - 1].keypoints)
    if length:
        annotation |= describe_keypoints(place_keypoints(label.keypoints or (), length), length)
    return annotation
