"""A new model family is one entry in `FAMILIES`, and one function if its outputs have a new layout."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.stand_ins.model_files import SIDE, make_answer, write_package
from tests.stand_ins.random_models import make_random_packages
from videoengine.detections import Candidates, Detections, Outputs, Thresholds, select_candidates
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid
from videoengine.families import FAMILIES, Family, Layout, list_architectures
from videoengine.families.layouts import LAYOUTS, LayoutReader
from videoengine.model_packages import TASK_TYPES, ModelPackage, parse_package
from videoinfer.repository import ROOT

PACKAGES = make_random_packages()
THRESHOLDS = Thresholds(0.4, 0.3)
BLACK = VideoFrame.from_ndarray(np.zeros((150, 200, 3), dtype=np.uint8), format="rgb24")


def infer(folder: Path, files: dict[str, bytes]) -> dict[str, Any]:
    element: dict[str, Any] = Detector(write_package(folder, files)).detect(BLACK, THRESHOLDS)
    return element


def rename(files: dict[str, bytes], architecture: str) -> dict[str, bytes]:
    model = json.loads(files["model_config.json"]) | {"model_architecture": architecture}
    return files | {"model_config.json": json.dumps(model).encode()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("like", "task_type"),
    [
        ("yolov8", "object-detection"),
        ("yolo26", "keypoint-detection"),
        ("rfdetr", "instance-segmentation"),
        ("vit", "classification"),
    ],
)
def test_one_entry_adds_a_family_with_a_known_layout(
    like: str, task_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PACKAGES[f"{like} {task_type} stretch"]
    known = infer(tmp_path / "known", files)
    monkeypatch.setitem(FAMILIES, "made-up", FAMILIES[like])
    new = infer(tmp_path / "new", rename(files, "made-up"))
    assert len(known["predictions"]) >= 3
    assert new["predictions"] == known["predictions"]


def find_scores_first(outputs: Outputs, package: ModelPackage, thresholds: Thresholds) -> Detections:
    """Reads rows of class scores followed by w, h, cx, cy."""
    classes = len(package.class_names)
    scores, sizes, centers = np.split(outputs[0], [classes, classes + 2], axis=1)
    extras = np.empty((len(scores), 0), dtype=np.float32)
    return select_candidates(Candidates(np.hstack([centers, sizes]), scores.max(axis=1), scores, extras), thresholds)


def test_one_entry_and_one_function_add_a_family_with_a_new_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = cast(Layout, "scores first")
    monkeypatch.setitem(LAYOUTS, layout, LayoutReader(find_scores_first, count_values=lambda classes: 4 + classes))
    monkeypatch.setitem(
        FAMILIES,
        "made-up",
        Family(("object-detection",), layout, fixed_resize_mode="stretch", default_scaling_factor=2),
    )
    files = make_answer("made-up", "object-detection", [[0.1, 0.75, 8, 16, 16, 8]], post_processing={"type": "nms"})
    element = infer(tmp_path / "package", files)
    [box] = element["predictions"]
    # The network's input is 32 x 32, the frame 200 x 150.
    assert SIDE == 32
    assert (box["x"], box["y"], box["width"], box["height"]) == (100, 37.5, 50, 75)
    assert (box["class"], box["confidence"]) == ("Rock", 0.75)


def test_an_error_about_a_package_s_shape_names_the_new_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "made-up", FAMILIES["yolov8"])
    files = rename(make_answer("yolov8", "object-detection", np.zeros((9, 4)), post_processing=None), "made-up")
    with pytest.raises(ModelPackageInvalid, match="but made-up with 2 classes has 6 values a box"):
        Detector(write_package(tmp_path / "package", files))


def test_every_layout_of_boxes_is_read() -> None:
    assert {*LAYOUTS, "no boxes"} == set(get_args(Layout))


def test_every_family_is_compared_with_roboflow_s_runner() -> None:
    compared = {tuple(name.split(" ")[:2]) for name in PACKAGES}
    runnable = {(name, task_type) for name, family in FAMILIES.items() for task_type in family.task_types}
    # YOLOv7 shares YOLOv5's entry; CLIP has a test of its own.
    assert runnable - compared == {("yolov7", "object-detection"), ("clip", "embedding")}


def test_the_document_names_the_families_of_every_inference_type() -> None:
    documented: dict[str, set[str]] = {name: set() for name in TASK_TYPES}
    inference_type = ""
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        match [cell.strip() for cell in line.split("|")]:
            case ["", name, architectures, _, ""]:
                inference_type = name.strip("`") or inference_type
                if inference_type in documented:
                    documented[inference_type] |= set(re.findall(r"`([^`]+)`", architectures)) & set(FAMILIES)
    task_types = {name: name for name in TASK_TYPES} | {"clip-embed-image": "embedding"}
    assert documented == {name: set(list_architectures(task_types[name])) for name in TASK_TYPES}


def test_the_api_reads_packages_without_numpy_pyav_and_openvino() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'av', 'openvino')))\n"
        "import videoengine.api, videoengine.model_packages"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_parsing_names_the_families_of_the_task() -> None:
    files = rename(PACKAGES["vit classification stretch"], "yolov5")
    with pytest.raises(ModelPackageInvalid, match="is 'yolov5'; this engine runs yolov8, yolov11, vit, resnet"):
        parse_package(files)
