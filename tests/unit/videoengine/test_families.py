"""Every family and resize mode, compared with Roboflow's own runner (`inference-models` 0.39.6).

`runner_answers.json` holds the runner's results: boxes as corners, and the outline of each mask's largest part as
OpenCV traces it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.outlines import fill_outline
from tests.stand_ins.random_models import make_random_packages
from videoengine.detections import Thresholds
from videoengine.detector import Detector

WIDTH, HEIGHT = 200, 150
PACKAGES = make_random_packages()
ANSWERS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("runner_answers.json").read_text())


def infer(name: str, folder: Path) -> dict[str, Any]:
    for file, content in PACKAGES[name].items():
        (folder / file).write_bytes(content)
    frame = VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), format="rgb24")
    element: dict[str, Any] = Detector(folder).detect(frame, Thresholds(0.4, 0.3))
    return element


def named(*words: str) -> list[str]:
    return [name for name in ANSWERS if any(word in name for word in words)]


def corners(box: dict[str, Any]) -> list[float]:
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def test_the_runner_s_results_cover_every_package() -> None:
    assert set(ANSWERS) == set(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", named("-detection", "-segmentation"))
def test_boxes_keypoints_and_outlines_are_the_runner_s(name: str, tmp_path: Path) -> None:
    expected = ANSWERS[name]
    # The best first; the runner keeps the network's order of selected boxes.
    order = np.argsort(-np.array(expected["confidence"]), kind="stable").tolist()
    found = infer(name, tmp_path)["predictions"]
    assert len(found) == len(order) >= 5
    for box, index in zip(found, order, strict=True):
        assert box["class_id"] == expected["class_id"][index]
        assert box["confidence"] == pytest.approx(expected["confidence"][index], abs=1.5e-4)
        # If a corner falls between two pixels, the last bit decides.
        assert corners(box) == pytest.approx(expected["xyxy"][index], abs=1)
        if "keypoints" in expected:
            points = [[point["x"], point["y"], point["confidence"]] for point in box["keypoints"]]
            for point, other in zip(points, expected["keypoints"][index], strict=False):
                assert point[:2] == pytest.approx(other[:2], abs=1)
                assert point[2] == pytest.approx(other[2], abs=1.5e-4)
        if "outlines" in expected:
            assert overlap(box["points"], expected["outlines"][index]) >= 0.98


def overlap(points: list[dict[str, float]], outline: list[list[int]]) -> float:
    """Intersection over union of the areas in two outlines."""
    own = fill_outline([(int(point["x"]), int(point["y"])) for point in points], (HEIGHT, WIDTH))
    other = fill_outline([(x, y) for x, y in outline], (HEIGHT, WIDTH))
    union = np.count_nonzero(own | other)
    return np.count_nonzero(own & other) / union if union else 1.0


@pytest.mark.parametrize("name", named(" classification "))
def test_a_single_label_is_the_runner_s(name: str, tmp_path: Path) -> None:
    element = infer(name, tmp_path)
    confidences = {entry["class_id"]: entry["confidence"] for entry in element["predictions"]}
    assert [confidences[number] for number in sorted(confidences)] == pytest.approx(
        ANSWERS[name]["confidences"], abs=1.5e-4
    )
    assert element["predictions"][0]["class_id"] == ANSWERS[name]["top"]


@pytest.mark.parametrize("name", named(" multi-label-classification "))
def test_multiple_labels_are_the_runner_s(name: str, tmp_path: Path) -> None:
    element = infer(name, tmp_path)
    entries = list(element["predictions"].values())
    assert [entry["confidence"] for entry in entries] == pytest.approx(ANSWERS[name]["confidences"], abs=1.5e-4)
    predicted = [element["predictions"][name]["class_id"] for name in element["predicted_classes"]]
    assert predicted == ANSWERS[name]["predicted"]
