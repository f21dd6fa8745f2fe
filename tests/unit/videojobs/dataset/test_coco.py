"""COCO with the pictures that it names."""

from pathlib import Path

from tests.unit.videojobs.dataset.written import BOX, HEIGHT, LABELS, PICTURE, POSE, WIDTH, export_models


def test_coco_pads_key_points_and_gives_a_frame_s_label_its_box(tmp_path: Path) -> None:
    models = {"pose": [{**PICTURE, "predictions": [BOX, POSE]}], "day or night": [LABELS]}
    sink, _ = export_models(tmp_path, models, formats=["coco"])
    coco = sink.read_json("annotations/instances_train.json")
    box, pose, day = coco["annotations"]
    assert box["keypoints"] == [0] * 9
    assert pose["keypoints"] == [90, 75, 2, 0, 0, 0, 110, 85, 2]
    assert (box["num_keypoints"], pose["num_keypoints"]) == (0, 2)
    assert day["bbox"] == [0, 0, WIDTH, HEIGHT]
    assert coco["categories"][0]["keypoints"] == ["nose", "1", "tail"]
    assert [image["file_name"] for image in coco["images"]] == ["00000000.jpg"]
