"""CLIP embeddings of pictures."""

from videoengine.detections import Outputs, Thresholds
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import WEIGHTS, ModelPackage
from videoengine.network import Shape
from videoengine.preprocessing import Placement


def check_shapes(_package: ModelPackage, shapes: list[Shape]) -> None:
    """Checks that the first output is one vector.

    Raises:
        ModelPackageInvalid: it has another shape.
    """
    if len(shapes[0]) != 1:
        raise ModelPackageInvalid(f"{WEIGHTS} must give one vector a picture: is it CLIP's visual.onnx?")


def describe(outputs: Outputs, _package: ModelPackage, _placement: Placement, _thresholds: Thresholds) -> list[float]:
    """The embedding as the network returns it, not normalized. It is the whole element of the results."""
    embedding: list[float] = outputs[0].tolist()
    return embedding
