"""Label Studio's tasks and configuration."""

from collections import Counter
from pathlib import Path

import pytest

from tests.unit.videojobs.dataset.written import BOX, HEIGHT, LABELS, MASK, PICTURE, POSE, WIDTH, export, export_models


def test_label_studio_has_regions_in_percent_and_labels_that_its_configuration_has(tmp_path: Path) -> None:
    models = {
        "boxes": [{**PICTURE, "predictions": [BOX]}],
        "masks": [{**PICTURE, "predictions": [MASK]}],
        "pose": [{**PICTURE, "predictions": [POSE]}],
        "day or night": [LABELS],
    }
    sink, counts = export_models(tmp_path, models, formats=["label-studio"])
    assert counts.left_out == {}
    [task] = sink.read_json("label-studio/tasks.json")
    assert task["data"] == {"image": "s3://bucket/images/train/00000000.jpg", "frame_offset": 0, "time_offset": 0.0}
    [prediction] = task["predictions"]
    regions = prediction["result"]
    assert Counter(region["type"] for region in regions) == {
        "rectanglelabels": 2,
        "polygonlabels": 1,
        "keypointlabels": 2,
        "choices": 1,
    }
    assert regions[0]["value"] == {
        "x": 25.0,
        "y": pytest.approx(100 * 70 / HEIGHT),
        "width": 12.5,
        "height": pytest.approx(100 * 20 / HEIGHT),
        "rotation": 0,
        "rectanglelabels": ["Rock (boxes)"],
    }
    assert (regions[0]["score"], regions[0]["original_width"], regions[0]["original_height"]) == (0.75, WIDTH, HEIGHT)
    known = {region["id"] for region in regions}
    assert len(known) == len(regions)
    assert {region["parentID"] for region in regions if "parentID" in region} <= known

    controls = {control.get("name"): control for control in sink.read_xml("label-studio/config.xml")}
    for region in regions:
        control = controls[region["from_name"]]
        assert control.tag.lower() == region["type"]
        assert control.get("toName") == region["to_name"] == "image"
        assert set(region["value"][region["type"]]) <= {entry.get("value") for entry in control}


def test_key_points_are_numbered_for_label_studio_s_own_exports(tmp_path: Path) -> None:
    """Without `model_index`, its converter to COCO fails, and that to YOLO loses them."""
    sink, _ = export(tmp_path, {**PICTURE, "predictions": [POSE]}, formats=["label-studio"])
    labels = sink.read_xml("label-studio/config.xml").findall("KeyPointLabels/Label")
    assert [(label.get("value"), label.get("model_index")) for label in labels] == [
        ("nose", "0"),
        ("1", "1"),
        ("tail", "2"),
    ]
