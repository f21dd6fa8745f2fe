"""CVAT for video 1.1: `cvat/annotations.xml`, for a task that is made of the pictures, in the order of their names.

The task's labels are those of `cvat/labels.json`, whose text is for the raw editor of labels.
Its frames are the numbers of the pictures, from 0. Predictions with the same track ID and class are one track, and a
prediction without a track is a track of one frame. Every prediction is a keyframe; where a track pauses or ends, a
keyframe that is `outside` hides it, because CVAT interpolates between keyframes. A prediction with key points is a
skeleton, and has no box.
Source: docs.cvat.ai, "CVAT" in "Import/export formats", and cvat/apps/dataset_manager/formats/cvat.py.
"""

import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

import msgspec

from videojobs.dataset.contents import DatasetContents
from videojobs.dataset.cvat_labels import ATTRIBUTES, CvatLabel, list_labels
from videojobs.dataset.labels import Label
from videojobs.dataset.sink import DatasetSink, writing_file
from videojobs.dataset.xml_writer import XmlWriter

CVAT_FILE = "cvat/annotations.xml"
LABELS_FILE = "cvat/labels.json"

type _Shape = tuple[int, Label]
"""The number of a picture, and a label on it."""

type _TrackKey = tuple[int | None, int, str]
"""Track ID, category and kind of shape: a track of CVAT has one label and one kind."""


class _Tracks:
    """The labels in a temporary file, which are read again by track. Memory holds 8 bytes for each."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places = defaultdict[_TrackKey, array[int]](lambda: array("q"))
        self._last_pictures: dict[_TrackKey, int] = {}
        self._single = array("q")
        self._end = 0

    def add(self, number: int, label: Label) -> None:
        places = self._single
        key = label.track_id, label.category, _find_kind(label)
        # An API's own tracker may give two objects of a frame the same number.
        if key[0] is not None and self._last_pictures.get(key) != number:
            places, self._last_pictures[key] = self._places[key], number
        places.append(self._end)
        self._end += self._file.write(msgspec.json.encode((number, label)) + b"\n")

    def __iter__(self) -> Iterator[Iterator[_Shape]]:
        for places in self._places.values():
            yield self._read(places)
        for place in self._single:
            yield self._read([place])

    def _read(self, places: Iterable[int]) -> Iterator[_Shape]:
        decode = msgspec.json.Decoder(tuple[int, Label]).decode
        for place in places:
            self._file.seek(place)
            yield decode(self._file.readline())


def write_cvat(contents: DatasetContents, sink: DatasetSink) -> Mapping[str, int]:
    """Writes the files, and returns what the format can't hold."""
    left_out = Counter[str]()
    with tempfile.TemporaryFile() as waiting, writing_file(sink, CVAT_FILE) as file:
        tracks, kinds = _Tracks(waiting), defaultdict[int, set[str]](set)
        for image in contents:
            for label in image.labels:
                if label.box:
                    tracks.add(image.number, label)
                    kinds[label.category].add(_find_kind(label))
                else:
                    left_out["labels of a whole frame"] += 1
        labels = list_labels(contents, kinds)
        xml = XmlWriter(file)
        with xml.document("annotations"):
            xml.leaf("version", "1.1")
            with xml.element("meta"), xml.element("task"):
                _write_task(xml, contents, labels)
            for number, track in enumerate(tracks):
                _write_track(xml, labels, number, track, images=contents.images)
    described = msgspec.json.encode([label.to_dict() for label in labels])
    sink.write(LABELS_FILE, msgspec.json.format(described) + b"\n")
    return left_out


def _find_kind(label: Label) -> str:
    if label.keypoints:
        return "skeleton"
    return "polygon" if label.polygon else "box"


def _write_task(xml: XmlWriter, contents: DatasetContents, labels: Sequence[CvatLabel]) -> None:
    """Writes what describes the task."""
    xml.leaf("size", str(contents.images))
    xml.leaf("mode", "interpolation")
    xml.leaf("start_frame", "0")
    xml.leaf("stop_frame", str(max(0, contents.images - 1)))
    with xml.element("labels"):
        for label in labels:
            _write_label(xml, label.name, label.kind)
            for point in label.points:
                _write_label(xml, point, "points", parent=label.name)
    with xml.element("original_size"):
        for side, pixels in zip(("width", "height"), contents.size, strict=True):
            xml.leaf(side, str(pixels))


def _write_label(xml: XmlWriter, name: str, kind: str, parent: str | None = None) -> None:
    with xml.element("label"):
        xml.leaf("name", name)
        xml.leaf("type", kind)
        with xml.element("attributes"):
            for attribute, is_mutable in ATTRIBUTES.items() if parent is None else ():
                with xml.element("attribute"):
                    xml.leaf("name", attribute)
                    xml.leaf("mutable", str(is_mutable))
                    xml.leaf("input_type", "text")
                    xml.leaf("default_value")
                    xml.leaf("values")
        if parent is not None:
            xml.leaf("parent", parent)


def _write_track(
    xml: XmlWriter, labels: Sequence[CvatLabel], number: int, shapes: Iterator[_Shape], *, images: int
) -> None:
    """Writes a track. Its shapes are in the order of pictures, of which there are `images`."""
    frame, label = next(shapes)
    found = labels[label.category - 1]
    with xml.element("track", {"id": str(number), "label": found.name, "source": "auto"}):
        _write_shape(xml, found, frame, label)
        for next_frame, next_label in shapes:
            if next_frame > frame + 1:
                _write_shape(xml, found, frame + 1, label, is_outside=True)
            frame, label = next_frame, next_label
            _write_shape(xml, found, frame, label)
        if frame + 1 < images:
            _write_shape(xml, found, frame + 1, label, is_outside=True)


def _write_shape(xml: XmlWriter, found: CvatLabel, frame: int, label: Label, *, is_outside: bool = False) -> None:
    kind = _find_kind(label)
    state = {"frame": str(frame), "keyframe": "1", "outside": str(int(is_outside)), "occluded": "0"}
    place: dict[str, str] = {}
    if kind == "polygon":
        points = zip(label.polygon[::2], label.polygon[1::2], strict=True)
        place = {"points": ";".join(f"{x:.2f},{y:.2f}" for x, y in points)}
    elif kind == "box":
        sides = zip(("xtl", "ytl", "xbr", "ybr"), label.box or (), strict=True)
        place = {side: f"{value:.2f}" for side, value in sides}
    with xml.element(kind, {**state, **place, "z_order": "0"}):
        if kind == "skeleton":
            _write_points(xml, found, label, state)
        if label.confidence is not None:
            xml.leaf("attribute", f"{label.confidence:g}", {"name": "score"})
        if label.track_id is not None:
            xml.leaf("attribute", str(label.track_id), {"name": "track"})


def _write_points(xml: XmlWriter, found: CvatLabel, label: Label, state: Mapping[str, str]) -> None:
    """Writes all points of a skeleton. One that the model did not see is outside, at the box's center."""
    left, top, right, bottom = label.box or (0.0, 0.0, 0.0, 0.0)
    seen = {number: (x, y) for number, x, y in label.keypoints or ()}
    for number, name in enumerate(found.points):
        x, y = seen.get(number, ((left + right) / 2, (top + bottom) / 2))
        # Datumaro needs the frame also here.
        place = {"label": name, "points": f"{x:.2f},{y:.2f}", **({} if number in seen else {"outside": "1"})}
        xml.leaf("points", attributes={**state, **place})
