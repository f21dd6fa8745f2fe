"""Object detection: boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.detections import Detections, Outputs, Thresholds
from videoengine.families import layouts
from videoengine.families.layouts import find_detections
from videoengine.model_packages import ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


def check_shapes(package: ModelPackage, shapes: list[Shape]) -> None:
    """Checks that the first output holds boxes without extra values.

    Raises:
        ModelPackageInvalid: the outputs have another shape.
    """
    layouts.check_shapes(package, shapes)


def describe(outputs: Outputs, package: ModelPackage, placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, most confident first."""
    found = find_detections(outputs, package, thresholds)
    return {"predictions": describe_boxes(found, placement.to_frame(found.xyxy), package.class_names)}


def describe_boxes(found: Detections, xyxy: NDArray[np.float32], class_names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The fields that all detections have. `x` and `y` are the center of the box.

    Args:
        xyxy: (N, 4) corners in pixels of the frame; those of `found` are in pixels of the network's input.
    """
    return [
        {
            "x": (x1 + x2) / 2,
            "y": (y1 + y2) / 2,
            "width": x2 - x1,
            "height": y2 - y1,
            "confidence": round(confidence, 4),
            "class": class_names[class_id],
            "class_id": class_id,
        }
        for (x1, y1, x2, y2), confidence, class_id in zip(
            xyxy.tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True
        )
    ]
