"""YOLO's text files and `data.yaml`."""

from pathlib import Path

import yaml

from tests.unit.videojobs.dataset.written import BOX, MASK, PICTURE, POSE, export, export_models


def test_yolo_boxes_are_shares_of_the_picture(tmp_path: Path) -> None:
    sink, _ = export(tmp_path, {**PICTURE, "predictions": [BOX]}, {**PICTURE, "predictions": []})
    assert sink.files["labels/train/00000000.txt"] == b"0 0.312500 0.333333 0.125000 0.083333\n"
    assert sink.files["labels/train/00000001.txt"] == b""  # a picture without objects has a label file too
    data = yaml.safe_load(sink.files["data.yaml"])
    assert data == {"train": "images/train", "val": "images/train", "nc": 1, "names": {0: "Rock"}}


def test_yolo_masks_are_outlines_and_boxes_beside_them_too(tmp_path: Path) -> None:
    sink, _ = export_models(
        tmp_path,
        {"masks": [{**PICTURE, "predictions": [MASK]}], "boxes": [{**PICTURE, "predictions": [BOX]}]},
        formats=["yolo"],
    )
    assert sink.files["labels/train/00000000.txt"].decode().splitlines() == [
        "0 0.250000 0.291667 0.375000 0.291667 0.375000 0.375000",
        "1 0.250000 0.291667 0.375000 0.291667 0.375000 0.375000 0.250000 0.375000",
    ]


def test_yolo_lines_have_as_many_key_points_as_the_class_with_most(tmp_path: Path) -> None:
    sink, counts = export(tmp_path, {**PICTURE, "predictions": [BOX]}, {**PICTURE, "predictions": [POSE, MASK]})
    assert yaml.safe_load(sink.files["data.yaml"])["kpt_shape"] == [3, 3]
    box = "0 0.312500 0.333333 0.125000 0.083333"
    none = " 0.000000 0.000000 0"
    assert sink.files["labels/train/00000000.txt"].decode() == f"{box}{none * 3}\n"
    pose = f"{box} 0.281250 0.312500 2{none} 0.343750 0.354167 2\n"
    assert sink.files["labels/train/00000001.txt"].decode() == f"{pose}{box}{none * 3}\n"
    assert counts.left_out == {"yolo": {"masks beside key points, which became boxes": 1}}
