"""Classification of whole pictures, with one label or several."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from videoengine.detections import Outputs, Thresholds, apply_sigmoid
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import CLASS_NAMES, WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


def check_shapes(package: ModelPackage, shapes: list[Shape]) -> None:
    """Checks that the first output has one value for each class.

    Raises:
        ModelPackageInvalid: it has another shape.
    """
    classes = len(package.class_names)
    if shapes[0] != (classes,):
        given = " x ".join(map(str, shapes[0]))
        raise ModelPackageInvalid(f"{WEIGHTS} gives an output of {given}, but {CLASS_NAMES} names {classes} classes")


def describe(outputs: Outputs, package: ModelPackage, _placement: Placement, thresholds: Thresholds) -> dict[str, Any]:
    """The API's predictions, in the format for one label or for several.

    Args:
        outputs: the first one is (number of classes,): confidences if softmax or sigmoid is fused, else logits.
    """
    if package.multi_label:
        return _describe_labels(outputs[0], package, thresholds.confidence)
    return _describe_label(outputs[0], package)


def _describe_label(output: NDArray[np.float32], package: ModelPackage) -> dict[str, Any]:
    """All classes, the most likely first. Confidences add up to 1, so no threshold applies."""
    confidences = output if package.fused else _apply_softmax(output)
    predictions = [
        {"class": package.class_names[number], "class_id": number, "confidence": round(float(confidences[number]), 4)}
        for number in np.argsort(-confidences, kind="stable").tolist()
    ]
    return {"predictions": predictions, "top": predictions[0]["class"], "confidence": predictions[0]["confidence"]}


def _describe_labels(output: NDArray[np.float32], package: ModelPackage, threshold: float) -> dict[str, Any]:
    """All classes by name, and those whose confidence reaches the threshold."""
    confidences = output if package.fused else apply_sigmoid(output)
    return {
        "predictions": {
            name: {"confidence": round(confidence, 4), "class_id": number}
            for number, (name, confidence) in enumerate(zip(package.class_names, confidences.tolist(), strict=True))
        },
        "predicted_classes": [package.class_names[number] for number in np.flatnonzero(confidences >= threshold)],
    }


def _apply_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = powers / powers.sum()
    return shares
