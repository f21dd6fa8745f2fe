"""A model's network, compiled by OpenVINO for this CPU."""

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import WEIGHTS, NetworkInput
from videoengine.signal_stack import kept_signal_stack

_OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    # On CPUs that have bfloat16, OpenVINO would use it, and 2 % of the detections would differ from other CPUs'.
    "INFERENCE_PRECISION_HINT": "f32",
}

Shape = tuple[int, ...]
"""-1 where the network decides for each picture."""


class Network:
    """One picture in, the raw outputs out.

    Conversion to the network's type (also half precision), scaling and layout are part of the compiled graph.
    """

    def __init__(self, weights: Path, network_input: NetworkInput) -> None:
        """Reads and compiles the weights.

        Raises:
            ModelPackageInvalid: OpenVINO can't read the weights, or they don't take the input that the package names.
        """
        try:
            with kept_signal_stack():
                model = _read_model(weights, network_input)
                self._compiled = openvino.compile_model(_add_preprocessing(model, network_input), "CPU", _OPTIONS)
        except RuntimeError as error:
            raise ModelPackageInvalid(f"{WEIGHTS} can't be compiled: {_last_line(error)}") from error
        self._request = self._compiled.create_infer_request()
        self._batch = np.zeros(tuple(self._compiled.input(0).shape), dtype=np.uint8)

    def infer(self, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """All outputs for a picture (height, width, 3), without their batch dimension; overwritten by the next call."""
        self._batch[0] = picture
        self._request.infer([self._batch])
        return [tensor.data[0] for tensor in self._request.output_tensors]

    @property
    def output_shapes(self) -> list[Shape]:
        """Of what `infer` returns."""
        return [_shape_of(output)[1:] for output in self._compiled.outputs]


def _read_model(weights: Path, network_input: NetworkInput) -> openvino.Model:
    """The model for one picture at a time, or for as many as it was exported for where it takes no fewer."""
    model = openvino.Core().read_model(weights)
    exported_batch = _shape_of(model.input(0))[0]
    if exported_batch <= 1 or _takes_batch(model, 1, network_input):
        batch = 1
    else:
        # What failed may have been reshaped in part.
        model, batch = openvino.Core().read_model(weights), exported_batch
    model.reshape([batch, 3, network_input.height, network_input.width])
    return model


def _takes_batch(model: openvino.Model, batch: int, network_input: NetworkInput) -> bool:
    try:
        model.reshape([batch, 3, network_input.height, network_input.width])
    except RuntimeError:
        return False
    return all(_shape_of(output)[0] == batch for output in model.outputs)


def _shape_of(port: openvino.Output | openvino.ConstOutput) -> Shape:
    return tuple(-1 if size.is_dynamic else size.get_length() for size in port.partial_shape)


def _add_preprocessing(model: openvino.Model, network_input: NetworkInput) -> openvino.Model:
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    convert = steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(network_input.scaling_factor)
    if network_input.mean and network_input.std:
        convert.mean(list(network_input.mean)).scale(list(network_input.std))
    for index in range(len(model.outputs)):
        steps.output(index).tensor().set_element_type(openvino.Type.f32)
    return steps.build()


def _last_line(error: Exception) -> str:
    # The lines above it say where in OpenVINO's sources it happened.
    return str(error).strip().rpartition("\n")[-1]
