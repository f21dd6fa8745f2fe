"""Label Studio: `label-studio/tasks.json`, tasks with predictions, and `label-studio/config.xml`, their configuration.

Coordinates are percentages of the picture's sides. A region's `meta` has its track. A key point belongs to the box
that its `parentID` names.
Source: labelstud.io/guide/predictions, labelstud.io/guide/task_format, and labelstud.io/tags.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from videojobs.dataset.contents import IMAGES_FOLDER, DatasetContents, LabeledImage
from videojobs.dataset.labels import Label
from videojobs.dataset.sink import DatasetSink, writing_file
from videojobs.dataset.xml_writer import XmlWriter

TASKS_FILE = "label-studio/tasks.json"
CONFIG_FILE = "label-studio/config.xml"

_KEYPOINT_SIZE_PERCENT = 0.5

_BOXES, _POLYGONS, _KEYPOINTS, _CHOICES = "box", "polygon", "keypoint", "label"
_TAGS = {
    _BOXES: "RectangleLabels",
    _POLYGONS: "PolygonLabels",
    _KEYPOINTS: "KeyPointLabels",
    _CHOICES: "Choices",
}
"""The tags of the configuration by their names, which regions refer to."""


def write_label_studio(contents: DatasetContents, sink: DatasetSink) -> Mapping[str, int]:
    used: dict[str, dict[str, None]] = {name: {} for name in _TAGS}
    for category in contents.classes:
        used[_KEYPOINTS] |= dict.fromkeys(contents.name_keypoints(category))
    with writing_file(sink, TASKS_FILE) as file:
        file.write(b"[")
        for image in contents:
            regions = list(_list_regions(image, contents))
            for region in regions:
                used[region["from_name"]] |= dict.fromkeys(region["value"][region["type"]])
            task = {
                "data": {
                    "image": sink.locate(f"{IMAGES_FOLDER}/{image.file_name}"),
                    "frame_offset": image.frame_offset,
                    "time_offset": image.time_offset,
                },
                "predictions": [{"model_version": _name_models(contents), "result": regions}],
            }
            file.write((b",\n" if image.number else b"") + msgspec.json.encode(task))
        file.write(b"]\n")
    sink.write(CONFIG_FILE, _configure({name: list(values) for name, values in used.items() if values}))
    return {}


def _name_models(contents: DatasetContents) -> str:
    return ", ".join(dict.fromkeys(category.supercategory for category in contents.classes))


def _list_regions(image: LabeledImage, contents: DatasetContents) -> Iterator[dict[str, Any]]:
    for number, label in enumerate(image.labels):
        name = contents.name(label)
        described = {"to_name": "image", "image_rotation": 0}
        described |= {"original_width": image.width, "original_height": image.height}
        if label.confidence is not None:
            described["score"] = label.confidence
        if label.track_id is not None:
            described["meta"] = {"text": [f"track {label.track_id}"]}
        region_id = str(number)
        yield {"id": region_id, **described, **_describe_shape(image, label, name)}
        if label.keypoints:
            names = contents.name_keypoints(contents.classes[label.category - 1])
            for point, x, y in label.keypoints:
                left, top = _share((x, y), image)
                value = {"x": left, "y": top, "width": _KEYPOINT_SIZE_PERCENT}
                region = {"id": f"{number}-{point}", "parentID": region_id, **described}
                yield {**region, **_describe(_KEYPOINTS, value, names[point])}


def _describe_shape(image: LabeledImage, label: Label, name: str) -> dict[str, Any]:
    if not label.box:
        return _describe(_CHOICES, {}, name)
    if label.polygon:
        places = _share(label.polygon, image)
        return _describe(_POLYGONS, {"points": list(zip(places[::2], places[1::2], strict=True)), "closed": True}, name)
    left, top, right, bottom = _share(label.box, image)
    box = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": 0}
    return _describe(_BOXES, box, name)


def _describe(tag_name: str, value: Mapping[str, Any], label: str) -> dict[str, Any]:
    kind = _TAGS[tag_name].lower()
    return {"from_name": tag_name, "type": kind, "value": {**value, kind: [label]}}


def _share(values: Sequence[float], image: LabeledImage) -> list[float]:
    """Returns x, y, x, y, … in percent of the picture's sides."""
    sides = [image.width, image.height] * (len(values) // 2)
    return [100 * value / side for value, side in zip(values, sides, strict=True)]


def _configure(used: Mapping[str, Sequence[str]]) -> bytes:
    """Returns the labeling configuration, with the labels that occur by the names of their tags.

    Key points are numbered, because Label Studio exports them in that order.
    """
    file = io.BytesIO()
    xml = XmlWriter(file)
    with xml.element("View"):
        xml.leaf("Image", attributes={"name": "image", "value": "$image"})
        for name, labels in used.items():
            kind, more = ("Choice", {"choice": "multiple"}) if name == _CHOICES else ("Label", {})
            is_numbered = name == _KEYPOINTS
            with xml.element(_TAGS[name], {"name": name, "toName": "image", **more}):
                for number, label in enumerate(labels):
                    index = {"model_index": str(number)} if is_numbered else {}
                    xml.leaf(kind, attributes={"value": label, **index})
    return file.getvalue()
