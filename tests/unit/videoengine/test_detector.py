"""A whole model on one frame, with a network whose outputs are known."""

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from tests.stand_ins.model_files import make_package
from videoengine.detections import Thresholds
from videoengine.detector import Detector


def make_detector(folder: Path, **network_input: object) -> Detector:
    for name, content in make_package(**network_input).items():
        (folder / name).write_bytes(content)
    return Detector(folder)


def make_frame(gray: int) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((48, 64, 3), gray, dtype=np.uint8), format="rgb24")


def test_an_element_of_the_results_has_the_api_s_format(tmp_path: Path) -> None:
    element = make_detector(tmp_path).detect(make_frame(204), Thresholds(0.5, 0.3))
    assert element.pop("time") >= 0
    # The input is 32 x 32 and the frame 64 x 48, so boxes grow by 2 and 1.5. Mean brightness is 204 / 255 = 0.8.
    assert element == {
        "image": {"width": 64, "height": 48},
        "predictions": [
            {"x": 32.0, "y": 24.0, "width": 16.0, "height": 18.0, "confidence": 0.8, "class": "Paper", "class_id": 0}
        ],
    }


def test_confidence_decides_what_is_found(tmp_path: Path) -> None:
    detector = make_detector(tmp_path)
    found = detector.detect(make_frame(204), Thresholds(0.3, 0.3))["predictions"]
    assert [(prediction["class"], prediction["confidence"]) for prediction in found] == [("Paper", 0.8), ("Rock", 0.4)]
    assert detector.detect(make_frame(20), Thresholds(0.3, 0.3))["predictions"] == []


def test_pixels_are_scaled_and_normalized_as_the_package_says(tmp_path: Path) -> None:
    detector = make_detector(tmp_path, normalization=[[0.2, 0.2, 0.2], [0.75, 0.75, 0.75]])
    [prediction] = detector.detect(make_frame(204), Thresholds(0.5, 0.3))["predictions"]
    assert prediction["confidence"] == pytest.approx((0.8 - 0.2) / 0.75, abs=1e-4)
