"""What all formats have in common. `tests/dataset_readers` reads them with the tools that people use."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.videojobs.dataset.written import (
    BOX,
    HEIGHT,
    PICTURE,
    WIDTH,
    MemorySink,
    export,
)
from videojobs.dataset.contents import DatasetContents, LabeledImage
from videojobs.dataset.formats import WRITERS
from videojobs.dataset.labels import Label
from videojobs.dataset.names import FORMATS


def test_every_format_has_a_writer_and_its_files(tmp_path: Path) -> None:
    sink, _ = export(tmp_path, {**PICTURE, "predictions": [BOX]})
    assert tuple(WRITERS) == FORMATS
    assert list(sink.files) == [
        "images/train/00000000.jpg",
        "annotations/instances_train.json",
        "labels/train/00000000.txt",
        "data.yaml",
        "label-studio/tasks.json",
        "label-studio/config.xml",
        "cvat/annotations.xml",
        "cvat/labels.json",
    ]


def test_only_the_requested_formats_are_written(tmp_path: Path) -> None:
    sink, _ = export(tmp_path, {**PICTURE, "predictions": [BOX]}, formats=["cvat"])
    assert list(sink.files) == ["images/train/00000000.jpg", "cvat/annotations.xml", "cvat/labels.json"]


def test_the_formats_of_a_video_without_predictions_are_empty(tmp_path: Path) -> None:
    sink, counts = export(tmp_path, {**PICTURE, "predictions": []})
    assert (counts.images, counts.labels) == (1, 0)
    assert yaml.safe_load(sink.files["data.yaml"])["names"] == {}
    assert len(sink.read_json("label-studio/tasks.json")) == 1
    assert sink.read_xml("cvat/annotations.xml").findall("track") == []
    coco = sink.read_json("annotations/instances_train.json")
    assert (len(coco["images"]), coco["annotations"], coco["categories"]) == (1, [], [])


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.text(max_size=12) | st.sampled_from(["NaN", "yes", "~", "- a", "a: b", "#", "'", '"', "]]>"])))
def test_every_format_gives_hostile_class_names_back(names: list[str]) -> None:
    """In the same order, unique, and only without control characters and spaces at the ends."""
    sink = MemorySink()
    with DatasetContents() as contents:
        labels = []
        for name in names:
            category = contents.categories.find("m", name, None)
            labels.append(Label(category.number, 0.5, None, (0.0, 0.0, 1.0, 1.0), [], None))
        contents.add(LabeledImage(0, "00000000.jpg", WIDTH, HEIGHT, 0, 0.0, labels))
        for write in WRITERS.values():
            write(contents, sink)
        expected = list(contents.names)
    assert len(set(expected)) == len(set(names))
    json.loads(sink.files["annotations/instances_train.json"])
    coco = [entry["name"] for entry in sink.read_json("annotations/instances_train.json")["categories"]]
    yolo = list(yaml.safe_load(sink.files["data.yaml"])["names"].values())
    studio = [label.get("value") for label in sink.read_xml("label-studio/config.xml").iter("Label")]
    cvat = [label.findtext("name") for label in sink.read_xml("cvat/annotations.xml").iter("label")]
    assert coco == yolo == studio == expected
    assert len(set(cvat)) == len(expected)  # CVAT's are shorter
    assert [entry["name"] for entry in sink.read_json("cvat/labels.json")] == cvat
