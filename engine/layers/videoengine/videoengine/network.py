"""Runs a model's network, which OpenVINO compiles for this CPU."""

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as opset

from videoengine.detections import Outputs
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import WEIGHTS, NetworkInput
from videoengine.precision import Precision
from videoengine.signal_stack import kept_signal_stack

_OPTIONS = {
    # One stream for each core: several pictures at once, none of them split among cores.
    "PERFORMANCE_HINT": "THROUGHPUT",
    # The decoder's threads need cores too. A pinned thread would wait for its core while another core is free.
    "ENABLE_CPU_PINNING": "NO",
}

Shape = tuple[int, ...]
"""Sizes of dimensions; -1 if a size depends on the picture."""


class Network:
    """A compiled network that infers several pictures at once.

    The compiled graph includes the conversion to the network's type (such as half precision), scaling and layout.

    Example:
        network = Network(folder / "weights.onnx", package.network_input, Precision.F32)
        network.next_input[:] = picture
        outputs = network.start().finish()
    """

    def __init__(self, weights: Path, network_input: NetworkInput, precision: Precision) -> None:
        """Reads and compiles the weights.

        Raises:
            ModelPackageInvalid: OpenVINO can't read the weights, or they don't fit the package's `network_input`.
        """
        options = dict(_OPTIONS)
        if precision is Precision.F32:
            options["INFERENCE_PRECISION_HINT"] = "f32"
        try:
            with kept_signal_stack():
                model = _read_model(weights, network_input)
                self._compiled = openvino.compile_model(_add_preprocessing(model, network_input), "CPU", options)
        except RuntimeError as error:
            raise ModelPackageInvalid(f"{WEIGHTS} can't be compiled: {_last_line(error)}") from error
        self._idle: list[openvino.InferRequest] = []

    @property
    def next_input(self) -> NDArray[np.uint8]:
        """The pixels (height, width, 3) of the next picture. Write to them, then call `start`."""
        if not self._idle:
            self._idle.append(self._create_request())
        pixels: NDArray[np.uint8] = self._idle[-1].input_tensors[0].data[0]
        return pixels

    def start(self) -> "Inference":
        """Starts to infer the picture in `next_input`, on threads of OpenVINO."""
        request = self._idle.pop()
        request.start_async()
        return Inference(request, self._idle)

    def _create_request(self) -> openvino.InferRequest:
        request = self._compiled.create_infer_request()
        # If the network has a fixed batch size, all pictures except the first stay black.
        request.input_tensors[0].data[:] = 0
        return request

    @property
    def concurrency(self) -> int:
        """How many pictures are inferred at once; further ones wait."""
        return int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    @property
    def output_shapes(self) -> list[Shape]:
        """The shapes of the outputs."""
        return [_shape_of(output)[1:] for output in self._compiled.outputs]


class Inference:
    """The running inference of one picture."""

    def __init__(self, request: openvino.InferRequest, idle: list[openvino.InferRequest]) -> None:
        self._request = request
        self._idle = idle

    def finish(self) -> Outputs:
        """Waits for the outputs and returns them. The next picture overwrites them."""
        self._request.wait()
        self._idle.append(self._request)
        return [tensor.data[0] for tensor in self._request.output_tensors]

    @property
    def seconds(self) -> float:
        """How long the network took. Valid after `finish`."""
        return float(self._request.latency) / 1000


def _read_model(weights: Path, network_input: NetworkInput) -> openvino.Model:
    """Reads a model with batch size 1, or with its exported batch size if it supports no other."""
    core = openvino.Core()
    # Otherwise external data files stay mapped, and deleting them frees no disk space.
    core.set_property({"ENABLE_MMAP": False})
    model = core.read_model(weights)
    exported_batch = _shape_of(model.input(0))[0]
    if exported_batch <= 1 or _takes_batch(model, 1, network_input):
        batch = 1
    else:
        # Read it again, because the failed attempt may have reshaped it in part.
        model, batch = core.read_model(weights), exported_batch
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
    """Adds the conversion of 8-bit pixels to the model's input, and of its outputs to single precision.

    Pixels are converted to floating point before the channels are transposed. Then OpenVINO, whose convolutions need
    channels last, leaves out the transpose. OpenVINO's own preprocessing transposes first, and back again, which costs
    2 % of a small network's time.
    """
    [old] = model.inputs
    batch, channels, height, width = old.shape
    pixels = opset.parameter([batch, height, width, channels], openvino.Type.u8, name="pixels")
    normalized = opset.divide(opset.convert(pixels, "f32"), np.float32(network_input.scaling_factor))
    if network_input.mean and network_input.std:
        mean, std = (np.array(values, dtype=np.float32) for values in (network_input.mean, network_input.std))
        normalized = opset.divide(opset.subtract(normalized, mean), std)
    channels_first = opset.transpose(normalized, np.array([0, 3, 1, 2]))
    converted = opset.convert(channels_first, old.element_type)
    for target in old.get_target_inputs():
        target.replace_source_output(converted.output(0))
    steps = openvino.preprocess.PrePostProcessor(openvino.Model(model.get_results(), [pixels]))
    for index in range(len(model.outputs)):
        steps.output(index).tensor().set_element_type(openvino.Type.f32)
    return steps.build()


def _last_line(error: Exception) -> str:
    # The lines above only name places in OpenVINO's source code.
    return str(error).strip().rpartition("\n")[-1]
