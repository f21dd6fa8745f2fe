"""Boxes with the outlines of what they hold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine import detections
from videoengine.contours import trace_largest_contour
from videoengine.detections import Detections, Outputs, Thresholds, apply_sigmoid, find_detections
from videoengine.errors import ModelPackageInvalid
from videoengine.inference_types.object_detection import describe_boxes
from videoengine.masks import clear_outside, cut_margins, scale_mask
from videoengine.model_packages import WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement

_SMOOTHED_ARCHITECTURES = ("yolov8", "yolov11")
"""Roboflow's runner scales their masks' probabilities up, and the others' logits."""


def check_shapes(package: ModelPackage, shapes: list[Shape]) -> None:
    """Prototypes (or, in RF-DETR, masks) are the last output of three dimensions; a box has a coefficient for each."""
    is_rfdetr = package.architecture == "rfdetr"
    number = 2 if is_rfdetr else 1
    if len(shapes) <= number or len(shapes[number]) != 3:
        raise ModelPackageInvalid(f"{WEIGHTS} gives no masks: output {number + 1} must have three dimensions")
    detections.check_shapes(package, shapes, extras=0 if is_rfdetr else shapes[1][0])


def describe(outputs: Outputs, package: ModelPackage, placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, best first; `points` outlines the largest part of what is seen."""
    found = find_detections(outputs, package, thresholds)
    boxes = describe_boxes(found, placement.to_frame(found.xyxy), package.class_names)
    smoothed = package.architecture in _SMOOTHED_ARCHITECTURES
    input_wh = package.network_input.width, package.network_input.height
    return {
        "predictions": [
            box | {"points": _outline(cut_margins(mask, placement, input_wh), placement, 0.5 if smoothed else 0.0)}
            for box, mask in zip(boxes, _build_masks(found, outputs, package), strict=True)
        ]
    }


def _build_masks(found: Detections, outputs: Outputs, package: ModelPackage) -> NDArray[np.float32]:
    """(N, height, width) at the network's own resolution."""
    if package.architecture == "rfdetr":
        return outputs[2][found.extras[:, 0].astype(np.intp)]
    masks = np.tensordot(found.extras, outputs[1], axes=1)
    if package.architecture in _SMOOTHED_ARCHITECTURES:
        masks = apply_sigmoid(masks)
    return clear_outside(masks, found.xyxy, (package.network_input.width, package.network_input.height))


def _outline(mask: NDArray[np.float32], placement: Placement, threshold: float) -> list[dict[str, float]]:
    seen, (left, top) = scale_mask(mask, placement.resolution_wh, threshold)
    return [{"x": x + left, "y": y + top} for x, y in trace_largest_contour(seen).tolist()]
