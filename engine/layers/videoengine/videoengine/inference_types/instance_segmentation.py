"""Instance segmentation: boxes, and the outlines of the objects in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.contours import trace_largest_contour
from videoengine.detections import Detections, Outputs, Thresholds, apply_sigmoid
from videoengine.errors import ModelPackageInvalid
from videoengine.families import layouts
from videoengine.families.layouts import LAYOUTS, find_detections
from videoengine.inference_types.object_detection import describe_boxes
from videoengine.masks import clear_outside, cut_margins, scale_mask
from videoengine.model_packages import WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


def check_shapes(package: ModelPackage, shapes: list[Shape]) -> None:
    """Checks that one output holds masks, one for each query, or prototypes, with a coefficient for each in every box.

    Raises:
        ModelPackageInvalid: there is no such output, or the boxes' output doesn't fit it.
    """
    number = LAYOUTS[package.layout].masks_output
    if len(shapes) <= number or len(shapes[number]) != 3:
        raise ModelPackageInvalid(f"{WEIGHTS} gives no masks: output {number + 1} must have three dimensions")
    layouts.check_shapes(package, shapes, extras=shapes[number][0])


def describe(outputs: Outputs, package: ModelPackage, placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, most confident first. `points` is the outline of the largest part of the mask, in pixels
    of the frame."""
    found = find_detections(outputs, package, thresholds)
    boxes = describe_boxes(found, package, placement)
    threshold = 0.5 if package.family.are_masks_smoothed else 0.0
    input_wh = package.network_input.width, package.network_input.height
    return {
        "predictions": [
            box | {"points": _outline(cut_margins(mask, placement, input_wh), placement, threshold)}
            for box, mask in zip(boxes, _build_masks(found, outputs, package), strict=True)
        ]
    }


def _build_masks(found: Detections, outputs: Outputs, package: ModelPackage) -> NDArray[np.float32]:
    """Masks (N, height, width) at the network's own resolution."""
    masks_output = outputs[LAYOUTS[package.layout].masks_output]
    if package.layout == "queries":
        return masks_output[found.extras[:, 0].astype(np.intp)]
    masks = np.tensordot(found.extras, masks_output, axes=1)
    if package.family.are_masks_smoothed:
        masks = apply_sigmoid(masks)
    return clear_outside(masks, found.xyxy, (package.network_input.width, package.network_input.height))


def _outline(mask: NDArray[np.float32], placement: Placement, threshold: float) -> list[dict[str, float]]:
    seen, (left, top) = scale_mask(mask, placement.resolution_wh, threshold)
    return [{"x": x + left, "y": y + top} for x, y in trace_largest_contour(seen).tolist()]
