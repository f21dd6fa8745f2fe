"""Inference types: from a network's outputs to an element of the results, in the API's shape. One module each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from videoengine.detections import Outputs, Thresholds
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
    """One kind of answer.

    Attributes:
        check_shapes: raises `ModelPackageInvalid` where the network's outputs are not what the package says.
        describe: the part of an element that is the model's; a list is the whole element.
    """

    check_shapes: Callable[[ModelPackage, list[Shape]], None]
    describe: Callable[[Outputs, ModelPackage, Placement, Thresholds], dict[str, Any] | list[float]]


INFERENCE_TYPES = {
    "object-detection": InferenceType(object_detection.check_shapes, object_detection.describe),
    "instance-segmentation": InferenceType(instance_segmentation.check_shapes, instance_segmentation.describe),
    "keypoint-detection": InferenceType(keypoint_detection.check_shapes, keypoint_detection.describe),
    "classification": InferenceType(classification.check_shapes, classification.describe),
    "clip-embed-image": InferenceType(image_embedding.check_shapes, image_embedding.describe),
}
"""By what the API calls them."""
