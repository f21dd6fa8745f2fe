"""The COCO dataset, as COCO's own tools and CVAT's library read it."""

import contextlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.unit.videojobs.outputs.derived import (
    BOX,
    PICTURE,
    derive_all,
    make_job,
)
from videojobs.jobs.options import Model
from videojobs.results.predictions import Predictions


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # a warning of pycocotools itself
def test_pycocotools_loads_the_dataset(hands: Path) -> None:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        dataset = COCO(str(hands / "coco.json"))
    assert {entry["name"]: entry["class_id"] for entry in dataset.loadCats(dataset.getCatIds())} == {
        "Rock": 1,
        "Paper": 0,
    }
    [first, *_] = dataset.loadAnns(dataset.getAnnIds(imgIds=[1]))
    assert first["bbox"] == [8, 17.5, 4, 6]
    assert first["area"] == 12
    assert dataset.annToMask(first).sum() > 0
    assert [entry["frame_offset"] for entry in dataset.loadImgs(dataset.getImgIds())] == [0, 5, 10, 15]


def test_keypoints_have_coco_s_format() -> None:
    keypoints = [{"x": 1, "y": 2, "confidence": 1, "class_id": 2, "class": "wrist"}]
    results = {
        "frame_offset": [0],
        "time_offset": [0],
        "pose": [{**PICTURE, "predictions": [{**BOX, "keypoints": keypoints}]}],
    }
    files, _ = derive_all(make_job(Model("pose", "1", "keypoint-detection")), json.dumps(results).encode())
    coco = json.loads(files.read("coco.json"))
    assert coco["annotations"][0]["keypoints"] == [0, 0, 0, 0, 0, 0, 1, 2, 2]
    assert coco["annotations"][0]["num_keypoints"] == 1
    assert coco["categories"][0]["keypoints"] == ["0", "1", "wrist"]


def test_a_detection_without_a_box_is_not_a_label_of_the_whole_frame() -> None:
    rle = {"class": "Rock", "confidence": 0.9, "rle": {"size": [2, 2], "counts": "04"}}
    results = {"frame_offset": [0], "time_offset": [0], "m": [{**PICTURE, "predictions": [rle, BOX]}]}
    files, _ = derive_all(make_job(Model("m", "1", "object-detection")), json.dumps(results).encode())
    [annotation] = json.loads(files.read("coco.json"))["annotations"]
    assert annotation["bbox"][2:] == [BOX["width"], BOX["height"]]


def make_keypoint(number: int, x: float, y: float) -> dict[str, Any]:
    return {"x": x, "y": y, "confidence": 0.9, "class_id": number, "class": f"joint {number}"}


def test_every_annotation_has_as_many_keypoints_as_its_category(tmp_path: Path) -> None:
    """Models omit keypoints that they did not find, and the last one in the list may have the first number."""
    seen = [[0], [], [3, 1], [0, 1, 2, 3], [2], [1, 1]]
    predictions: list[list[dict[str, Any]]] = [
        [{**BOX, "keypoints": [make_keypoint(number, 9, 18) for number in numbers]}] for numbers in seen
    ]
    predictions[1].append({**BOX, "class": "Paper"})
    elements = [{**PICTURE, "predictions": found} for found in predictions]
    coco = json.loads(write_coco(tmp_path, "keypoint-detection", elements).read_text())
    rock, paper = coco["categories"]
    assert rock["keypoints"] == ["joint 0", "joint 1", "joint 2", "joint 3"]
    assert "keypoints" not in paper
    lists = [a["keypoints"] for a in coco["annotations"] if a["category_id"] == rock["id"]]
    assert [len(entry) for entry in lists] == [12] * 6
    assert [[at for at in range(4) if entry[3 * at + 2]] for entry in lists] == [sorted(set(one)) for one in seen]
    counts = [a["num_keypoints"] for a in coco["annotations"]]
    assert counts == [1, 0, 0, 2, 4, 1, 1]
    assert [a["id"] for a in coco["annotations"]] == list(range(1, 8))


@pytest.mark.parametrize(
    ("kind", "measure"),
    [("object-detection", "bbox"), ("instance-segmentation", "segm"), ("keypoint-detection", "keypoints")],
)
def test_pycocotools_evaluates_detections_against_themselves_as_perfect(
    tmp_path: Path, kind: str, measure: str
) -> None:
    """By COCO's own measure, every box, outline and keypoint is right."""
    elements: list[Any] = []
    for frame in range(8):
        predictions = []
        for place in range(frame % 4):
            x, y = 100 + 150 * place, 60 + 20 * frame
            corners = [(x - 40, y - 30), (x + 40, y - 30), (x + 40, y + 30), (x, y + 10), (x - 40, y + 30)]
            points = [make_keypoint(number, *corner) for number, corner in enumerate(corners)]
            prediction = {**BOX, "x": x, "y": y, "width": 80, "height": 60, "class": ("Rock", "Paper")[place % 2]}
            if kind == "instance-segmentation":
                outline = [{"x": point_x, "y": point_y} for point_x, point_y in corners]
                prediction["points"] = (
                    outline if frame != 3 else outline[:2]
                )  # a mask of one or two pixels has no outline
            if kind == "keypoint-detection":
                prediction["keypoints"] = points[frame % 3 :]
            predictions.append(prediction)
        elements.append({**(PICTURE if frame else {}), "predictions": predictions})
    elements.append(None)
    path = write_coco(tmp_path, kind, elements)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        truth = COCO(str(path))
        needed = {"bbox": "bbox", "segm": "segmentation", "keypoints": "keypoints"}[measure]
        found = [
            {name: entry[name] for name in ("image_id", "category_id", "score", needed)}
            for entry in truth.dataset["annotations"]
        ]
        for entry, annotation in zip(found, truth.dataset["annotations"], strict=True):
            if measure == "segm":  # COCO's results have masks, its datasets outlines
                entry["segmentation"] = truth.annToRLE(annotation)
        evaluation = COCOeval(truth, truth.loadRes(found), measure)
        evaluation.params.kpt_oks_sigmas = np.full(5, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == 1.0


def write_coco(folder: Path, kind: str, elements: list[Any]) -> Path:
    """Writes `coco.json` for a model of one kind."""
    offsets = list(range(len(elements)))
    results = {"frame_offset": offsets, "time_offset": offsets, "parts": elements}
    files, _ = derive_all(make_job(Model("parts", "1", kind)), json.dumps(results).encode())
    path = folder / "coco.json"
    path.write_bytes(files.read("coco.json"))
    return path


file_texts = st.text(st.sampled_from('./\\\\:~ a\u0301ü安\0\n\u202e😀हिन्दी%*?"<>|'), max_size=8)


@pytest.mark.slow
@given(
    key=file_texts,
    offsets=st.lists(st.integers(0, 3), max_size=6),
    found=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "x (a)", "x (a) 2"])), max_size=8),
)
def test_the_file_names_of_the_dataset_are_unique_and_stay_in_its_folder(
    key: str, offsets: list[int], found: list[tuple[str, str]]
) -> None:
    """Datumaro, with which CVAT reads datasets, refuses duplicate names, empty names and parent folders."""
    job = make_job(Model("a", "1", "object-detection"), Model("b", "1", "object-detection"))
    job = replace(job, upload=replace(job.upload, key=f"{key}.mp4"))
    elements = {
        model_id: [{"predictions": [{**BOX, "class": name} for model, name in found if model == model_id]}]
        * len(offsets)
        for model_id in "ab"
    }
    times = sorted(offsets)
    files, _ = derive_all(job, json.dumps({"frame_offset": offsets, "time_offset": times, **elements}).encode())
    coco = json.loads(files.read("coco.json"))
    names = [category["name"] for category in coco["categories"]]
    assert len(set(names)) == len(names)
    assert all(names)
    assert {(category["supercategory"], category["class"]) for category in coco["categories"]} == (
        set(found) if offsets else set()
    )
    paths = [entry["file_name"] for entry in coco["images"]]
    assert len(set(paths)) == len(paths)
    for path in paths:
        folder, name = path.split("/")
        assert re.fullmatch(r"\d{8}(-\d+)?\.jpg", name)
        assert folder.strip(". ") == folder != ""
        assert not set(folder) & set('\\:*?"<>|\0\n\u202e')
    assert {entry["frame_offset"] for entry in coco["images"]} == set(offsets)
    known = {entry["id"] for entry in coco["images"]}
    assert {a["image_id"] for a in coco["annotations"]} == (known if found else set())


def test_a_frame_that_is_sampled_twice_is_one_picture() -> None:
    results = {"frame_offset": [0, 0, 7], "time_offset": [0, 0, 0.4], "m": [{"predictions": [BOX]}] * 3}
    files, _ = derive_all(make_job(Model("m", "1", "object-detection")), json.dumps(results).encode())
    coco = json.loads(files.read("coco.json"))
    assert [entry["frame_offset"] for entry in coco["images"]] == [0, 7]
    assert [a["image_id"] for a in coco["annotations"]] == [1, 2]


@given(st.lists(st.lists(st.sampled_from([BOX, {**BOX, "class": "Paper", "confidence": None, "x": 3}]), max_size=3)))
@settings(max_examples=30)
def test_plain_boxes_are_annotated_like_other_predictions(frames: list[list[dict[str, Any]]]) -> None:
    """They are annotated column by column, which is faster."""
    offsets = list(range(len(frames)))
    elements = [{"predictions": found} for found in frames]
    content = json.dumps({"frame_offset": offsets, "time_offset": offsets, "m": elements}).encode()
    job = make_job(Model("m", "1", "object-detection"))
    fast, _ = derive_all(job, content, ["coco"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictions, "are_plain_boxes", False)
        slow, _ = derive_all(job, content, ["coco"])

    assert fast.read("coco.json") == slow.read("coco.json")
    assert len(json.loads(fast.read("coco.json"))["annotations"]) == sum(map(len, frames))
