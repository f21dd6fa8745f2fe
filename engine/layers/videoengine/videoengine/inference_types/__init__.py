"""Inference types: from a network's outputs to an element of the results in the API's format. One module each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from videoengine.detections import Outputs, Thresholds
from videoengine.families import layouts
from videoengine.inference_types import (
    classification,
    image_embedding,
    instance_segmentation,
    keypoint_detection,
    object_detection,
)
from videoengine.model_packages import ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


@dataclass(frozen=True)
class InferenceType:
    """One inference type.

    Attributes:
        check_shapes: raises `ModelPackageInvalid` if the shapes of the network's outputs don't fit the package.
        describe: from the outputs for one picture to the model's part of an element. If it returns a list, this is the
            whole element.
    """

    check_shapes: Callable[[ModelPackage, list[Shape]], None]
    describe: Callable[[Outputs, ModelPackage, Placement, Thresholds], dict[str, Any] | list[float]]


INFERENCE_TYPES = {
    "object-detection": InferenceType(layouts.check_shapes, object_detection.describe),
    "instance-segmentation": InferenceType(instance_segmentation.check_shapes, instance_segmentation.describe),
    "keypoint-detection": InferenceType(keypoint_detection.check_shapes, keypoint_detection.describe),
    "classification": InferenceType(classification.check_shapes, classification.describe),
    "clip-embed-image": InferenceType(image_embedding.check_shapes, image_embedding.describe),
}
"""By the API's name of the inference type."""
