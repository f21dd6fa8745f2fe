"""Keypoint detection: boxes with key points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.detections import Outputs, Thresholds
from videoengine.families import layouts
from videoengine.families.layouts import find_detections
from videoengine.inference_types.object_detection import describe_boxes
from videoengine.model_packages import ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement

_VALUES = 3
"""Values of a key point: x, y, confidence."""


def check_shapes(package: ModelPackage, shapes: list[Shape]) -> None:
    """Checks that each box has as many key points as the class with the most.

    Raises:
        ModelPackageInvalid: the outputs have another shape.
    """
    layouts.check_shapes(package, shapes, extras=_VALUES * max(map(len, package.keypoint_names)))


def describe(outputs: Outputs, package: ModelPackage, placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, most confident first.

    Key points are whole pixels, as in Roboflow's runner, and may lie outside the frame.
    """
    found = find_detections(outputs, package, thresholds)
    boxes = describe_boxes(found, package, placement)
    points = found.extras.reshape(-1, _VALUES).copy()
    points[:, :2] = np.rint(placement.points_to_frame(points[:, :2]))
    points[points[:, 2] < package.family.min_keypoint_confidence] = 0
    return {
        "predictions": [
            box | {"keypoints": _describe_keypoints(own, package.keypoint_names[box["class_id"]])}
            for box, own in zip(boxes, points.reshape(len(boxes), -1, _VALUES), strict=True)
        ]
    }


def _describe_keypoints(points: NDArray[np.float32], names: tuple[str, ...]) -> list[dict[str, Any]]:
    # The outputs have room for the class with the most key points; other classes leave the last ones unused.
    return [
        {"x": x, "y": y, "confidence": round(confidence, 4), "class_id": number, "class": name}
        for number, (name, (x, y, confidence)) in enumerate(zip(names, points.tolist(), strict=False))
    ]
