"""A model's network, compiled by OpenVINO for this CPU."""

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import WEIGHTS, NetworkInput

_OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    # On CPUs that have bfloat16, OpenVINO would use it, and 2 % of the detections would differ from other CPUs'.
    "INFERENCE_PRECISION_HINT": "f32",
}


class Network:
    """One picture in, the raw output out. Conversion to floats, scaling and layout are part of the compiled graph."""

    def __init__(self, weights: Path, network_input: NetworkInput) -> None:
        """Reads and compiles the weights.

        Raises:
            ModelPackageInvalid: OpenVINO can't read the weights, or they don't take the input that the package names.
        """
        try:
            model = openvino.Core().read_model(weights)
            model.reshape([1, 3, network_input.height, network_input.width])
            self._compiled = openvino.compile_model(_add_preprocessing(model, network_input), "CPU", _OPTIONS)
        except RuntimeError as error:
            raise ModelPackageInvalid(f"{WEIGHTS} can't be compiled: {_last_line(error)}") from error
        self._request = self._compiled.create_infer_request()

    def infer(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The first output for a picture (height, width, 3), without its batch dimension."""
        self._request.infer([picture[np.newaxis]])
        output: NDArray[np.float32] = self._request.get_output_tensor(0).data[0]
        return output

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of what `infer` returns."""
        return tuple(self._compiled.output(0).shape)[1:]


def _add_preprocessing(model: openvino.Model, network_input: NetworkInput) -> openvino.Model:
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    convert = steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(network_input.scaling_factor)
    if network_input.mean and network_input.std:
        convert.mean(list(network_input.mean)).scale(list(network_input.std))
    steps.output(0).tensor().set_element_type(openvino.Type.f32)
    return steps.build()


def _last_line(error: Exception) -> str:
    # The lines above it say where in OpenVINO's sources it happened.
    return str(error).strip().rpartition("\n")[-1]
