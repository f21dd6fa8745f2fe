"""A picture's place in CLIP's space."""

from videoengine.detections import Outputs, Thresholds
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


def check_shapes(_package: ModelPackage, shapes: list[Shape]) -> None:
    """The first output is one vector."""
    if len(shapes[0]) != 1:
        raise ModelPackageInvalid(f"{WEIGHTS} must give one vector a picture: is it CLIP's visual.onnx?")


def describe(outputs: Outputs, _package: ModelPackage, _placement: Placement, _thresholds: Thresholds) -> list[float]:
    """The embedding as the network gives it, not normalized: the whole element of the results."""
    embedding: list[float] = outputs[0].tolist()
    return embedding
