"""CVAT's labels: those of the annotations, as CVAT's raw editor takes them."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.unit.videojobs.dataset.written import BOX, LABELS, MASK, PICTURE, POSE, export, export_models


def test_labels_for_the_raw_editor_are_those_of_the_annotations(tmp_path: Path) -> None:
    """What CVAT's editor checks: names, types, attributes with a value, and a skeleton's points and SVG."""
    models = {"masks": [{**PICTURE, "predictions": [MASK]}], "pose": [{**PICTURE, "predictions": [POSE]}]}
    sink, _ = export_models(tmp_path, {**models, "day or night": [LABELS]}, formats=["cvat"])
    labels = sink.read_json("cvat/labels.json")
    root = sink.read_xml("cvat/annotations.xml")
    described = [(label["name"], label["type"]) for label in labels]
    assert described == [
        (label.findtext("name"), label.findtext("type")) for label in root.iter("label") if label.find("parent") is None
    ]
    for label in labels:
        assert {attribute["name"]: attribute["mutable"] for attribute in label["attributes"]} == {
            "score": True,
            "track": False,
        }
        assert all(attribute["values"] == [""] for attribute in label["attributes"])
    [skeleton] = [label for label in labels if label["type"] == "skeleton"]
    assert [point["name"] for point in skeleton["sublabels"]] == ["nose", "1", "tail"]
    circles = ET.fromstring(f"<svg>{skeleton['svg']}</svg>")  # noqa: S314  the test has written it
    assert [circle.get("data-label-name") for circle in circles] == ["nose", "1", "tail"]
    assert [circle.get("data-element-id") for circle in circles] == ["1", "2", "3"]


def test_names_are_as_long_as_cvat_takes_them_and_unique(tmp_path: Path) -> None:
    names = ["a" * 200, "a" * 100, "a" * 63 + "b", "a" * 63 + " b", "b"]
    element = {**PICTURE, "predictions": [{**BOX, "class": name} for name in names]}
    sink, _ = export(tmp_path, element, formats=["cvat"])
    found = [label["name"] for label in sink.read_json("cvat/labels.json")]
    assert len({*found}) == len(names)
    assert all(re.fullmatch(r"\S(.{0,62}\S)?", name) for name in found)
    assert [track.get("label") for track in sink.read_xml("cvat/annotations.xml").findall("track")] == found
