"""Labels: predictions in pixels of the written picture, and which predictions are none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.videos import VideoSpec
from tests.unit.videojobs.dataset.written import BOX, HEIGHT, PICTURE, WIDTH, MemorySink, export, export_models
from videojobs.dataset.names import FORMATS, DatasetFormat

COCO = "annotations/instances_train.json"


def read_boxes(sink: MemorySink) -> list[list[float]]:
    return [annotation["bbox"] for annotation in sink.read_json(COCO)["annotations"]]


def test_a_prediction_on_a_smaller_picture_is_scaled_to_the_written_one(tmp_path: Path) -> None:
    small = {"image": {"width": WIDTH // 2, "height": HEIGHT // 4}, "predictions": [{**BOX, "y": 20.0}]}
    sink, _ = export(tmp_path, small)
    assert read_boxes(sink) == [[160, 40, 80, 80]]


@pytest.mark.parametrize(("rotation", "turned"), [(90, [70, 200, 20, 40]), (-90, [150, 80, 20, 40])])
def test_a_prediction_on_the_stored_frame_is_turned_with_the_picture(
    rotation: int, turned: list[float], tmp_path: Path
) -> None:
    """Players rotate by 90 degrees counterclockwise: the right side of the stored frame becomes the top."""
    spec = VideoSpec(width=WIDTH, height=HEIGHT, frames=4, rotation=rotation)
    sink, _ = export(tmp_path, {**PICTURE, "predictions": [BOX]}, spec=spec)
    assert sink.open_picture("00000000.jpg").size == (HEIGHT, WIDTH)
    assert read_boxes(sink) == [turned]


def test_a_prediction_on_the_shown_frame_stays(tmp_path: Path) -> None:
    spec = VideoSpec(width=WIDTH, height=HEIGHT, frames=4, rotation=90)
    shown = {"image": {"width": HEIGHT, "height": WIDTH}, "predictions": [BOX]}
    sink, _ = export(tmp_path, shown, spec=spec)
    assert read_boxes(sink) == [[80, 70, 40, 20]]


def test_labels_are_cut_at_the_edge_of_the_picture(tmp_path: Path) -> None:
    edge = {**BOX, "x": 10.0, "points": [{"x": -9, "y": 70}, {"x": 30, "y": 70}, {"x": 30, "y": 90}]}
    outside = {**BOX, "x": -40.0}
    sink, counts = export(tmp_path, {**PICTURE, "predictions": [edge, outside]})
    [annotation] = sink.read_json(COCO)["annotations"]
    assert annotation["bbox"] == [0, 70, 30, 20]
    assert annotation["segmentation"] == [pytest.approx([0, 70 + 20 * 9 / 39, 0, 70, 30, 70, 30, 90])]
    assert counts.left_out == {"all": {"predictions outside the picture": 1}}


@pytest.mark.parametrize(
    ("prediction", "reason"),
    [
        ({**BOX, "width": 0.0}, "predictions whose box has no area"),
        ({**BOX, "width": 1e-9, "height": 1e-9}, "predictions whose box has no area"),
        ({**BOX, "x": -20.0}, "predictions outside the picture"),
        ({**BOX, "x": 1e308, "width": 1e308}, "predictions outside the picture"),
        (
            {**BOX, "points": [{"x": x, "y": -y} for x, y in ((9, 9), (1, 9), (1, 1e308))]},
            "predictions outside the picture",
        ),
    ],
)
def test_what_is_not_a_label_is_counted(prediction: dict[str, Any], reason: str, tmp_path: Path) -> None:
    _, counts = export(tmp_path, {**PICTURE, "predictions": [prediction, BOX]})
    assert counts.left_out == {"all": {reason: 1}}
    assert (counts.images, counts.labels) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "element",
    [
        {"predictions": "x"},
        [[BOX]],
        [BOX],
        "caption",
        5,
        True,
        {"embeddings": "x"},
        {"predictions": [BOX, 5]},
        {"predictions": [BOX, {"text": "STOP"}]},
        {"predictions": [BOX, {"class": "Rock", "rle": {"size": [2, 2], "counts": "04"}}]},
        {"predictions": [BOX, {"class": "Rock", "x1": 1, "y1": 1, "x2": 9, "y2": 9}]},
        {"predictions": [{name: value for name, value in BOX.items() if name != "class"}]},
        {"predictions": [{**BOX, "x": None}]},
        {"predictions": [{**BOX, "x": "1"}]},
    ],
    ids=json.dumps,
)
def test_a_frame_with_predictions_that_cannot_be_read_has_no_picture(
    element: Any, name: DatasetFormat, tmp_path: Path
) -> None:
    """Without one of its labels, the picture would teach that nothing is there."""
    sink, counts = export(tmp_path, {**PICTURE, "predictions": [BOX]}, element, formats=[name])
    assert (counts.images, counts.labels, counts.unread, counts.left_out) == (1, 1, 1, {})
    assert "images/train/00000001.jpg" not in sink.files


def test_embeddings_are_counted_as_left_out(tmp_path: Path) -> None:
    _, counts = export(tmp_path, {"embeddings": [[0.5, 0.25]]})
    assert counts.left_out == {"all": {"embeddings": 1}}
    assert counts.images == 1


def test_several_models_with_a_class_of_one_name_get_unique_names(tmp_path: Path) -> None:
    element = {**PICTURE, "predictions": [BOX]}
    sink, _ = export_models(tmp_path, {"a": [element], "b": [element]})
    assert [category["name"] for category in sink.read_json(COCO)["categories"]] == ["Rock (a)", "Rock (b)"]


def test_names_that_look_alike_without_invisible_characters_stay_apart(tmp_path: Path) -> None:
    names = ["a", " a", "a\u0000", "a\\u0000", "", "\n"]
    element = {**PICTURE, "predictions": [{**BOX, "class": name} for name in names]}
    sink, _ = export(tmp_path, element)
    categories = sink.read_json(COCO)["categories"]
    assert [category["class"] for category in categories] == names
    unique = [category["name"] for category in categories]
    assert len(set(unique)) == len(names)
    assert all(name and name == name.strip() and name.isprintable() for name in unique)
