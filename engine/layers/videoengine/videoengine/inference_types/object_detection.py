"""Object detection: boxes."""

from typing import Any

from videoengine.detections import Detections, Outputs, Thresholds
from videoengine.families.layouts import find_detections
from videoengine.model_packages import ModelPackage
from videoengine.preprocessing import Placement


def describe(outputs: Outputs, package: ModelPackage, placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, most confident first."""
    found = find_detections(outputs, package, thresholds)
    return {"predictions": describe_boxes(found, package, placement)}


def describe_boxes(found: Detections, package: ModelPackage, placement: Placement) -> list[dict[str, Any]]:
    """The fields that all detections have, in pixels of the frame. `x` and `y` are the center of the box."""
    return [
        {
            "x": (x1 + x2) / 2,
            "y": (y1 + y2) / 2,
            "width": x2 - x1,
            "height": y2 - y1,
            "confidence": round(confidence, 4),
            "class": package.class_names[class_id],
            "class_id": class_id,
        }
        for (x1, y1, x2, y2), confidence, class_id in zip(
            placement.to_frame(found.xyxy).tolist(), found.confidence.tolist(), found.class_id.tolist(), strict=True
        )
    ]
