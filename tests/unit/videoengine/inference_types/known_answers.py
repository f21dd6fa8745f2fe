"""One frame and a network whose outputs are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tests.stand_ins.model_files import SIDE
from videoengine.detections import Thresholds
from videoengine.detector import Detector

WIDTH, HEIGHT = 64, 48
"""The frame's size. The network's input is 32 x 32, so stretching scales the frame's pixels by 2 and 1.5."""

NMS = {"post_processing": {"type": "nms", "fused": False}}
FUSED = {"post_processing": {"type": "nms", "fused": True}}


def load(folder: Path, package: dict[str, bytes]) -> Detector:
    for name, content in package.items():
        (folder / name).write_bytes(content)
    return Detector(folder)


def infer(folder: Path, package: dict[str, bytes], confidence: float = 0.4) -> Any:
    frame = VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), 100, dtype=np.uint8), format="rgb24")
    element = load(folder, package).detect(frame, Thresholds(confidence, 0.3))
    if isinstance(element, dict):
        assert element.pop("time") >= 0
        assert element.pop("image") == {"width": WIDTH, "height": HEIGHT}
    json.dumps(element)
    return element


CXCYWH, SCORES = (16.0, 16.0, 8.0, 12.0), (0.1, 0.8)
BOX = {"x": 32.0, "y": 24.0, "width": 16.0, "height": 18.0, "confidence": 0.8, "class": "Rock", "class_id": 1}
COLUMNS = np.transpose([[*CXCYWH, *SCORES], [8.0, 8.0, 4.0, 4.0, 0.1, 0.2]])
WITH_OBJECTNESS = [[*CXCYWH, 0.9, *SCORES], [8.0, 8.0, 4.0, 4.0, 0.1, 0.1, 0.2]]
SELECTED = [[12.0, 10.0, 20.0, 22.0, 0.8, 1.0], [0.0] * 6]

# The last logit of the second one stands for no class name.
QUERIES = ([[0.5, 0.5, 0.25, 0.375], [0.2] * 4], [[-5.0, np.log(4.0), -5.0], [-5.0, -5.0, 9.0]])

KEYPOINTS_METADATA = [
    {"object_class_id": 0, "keypoints": {"0": "tip"}, "edges": []},
    {"object_class_id": 1, "keypoints": {"1": "heel", "0": "toe"}, "edges": [{"from": 0, "to": 1}]},
]


def with_keypoints(package: dict[str, bytes]) -> dict[str, bytes]:
    return package | {"keypoints_metadata.json": json.dumps(KEYPOINTS_METADATA).encode()}


PROTOTYPE_SIDE = SIDE // 4


def make_prototypes() -> NDArray[np.float64]:
    """The first prototype is positive on the left half, the second everywhere."""
    prototypes = np.ones((2, PROTOTYPE_SIDE, PROTOTYPE_SIDE))
    prototypes[0, :, PROTOTYPE_SIDE // 2 :] = -1
    return prototypes


COEFFICIENTS = [6.0, 0.0]
