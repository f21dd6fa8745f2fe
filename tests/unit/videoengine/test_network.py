"""Networks of every precision and batch size in packages."""

from pathlib import Path

import numpy as np
import pytest

from tests.stand_ins.model_files import SIDE, make_network
from videoengine.model_packages import NetworkInput
from videoengine.network import Network
from videoengine.precision import Precision

INPUT = NetworkInput(SIDE, SIDE, "rgb", "stretch", 0, 255.0, None, None)


def infer(folder: Path, weights: bytes, network_input: NetworkInput = INPUT) -> list[list[float]]:
    (folder / "weights.onnx").write_bytes(weights)
    network = Network(folder / "weights.onnx", network_input, Precision.F32)
    picture = np.full((network_input.height, network_input.width, 3), 51, dtype=np.uint8)
    network.next_input[:] = picture
    outputs = network.start().finish()
    assert [output.shape for output in outputs] == network.output_shapes
    assert {output.dtype for output in outputs} == {np.dtype(np.float32)}
    return [output.tolist() for output in outputs]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("batch", [1, "batch"])
def test_precision_and_batch_size_do_not_change_the_outputs(
    batch: int | str, dtype: type[np.float16 | np.float32], tmp_path: Path
) -> None:
    # Mean brightness is 51 / 255 = 0.2.
    outputs = [(np.zeros((1, 2)), np.array([[1.0, 2.0]])), (np.ones((1, 1, 1)), np.zeros((1, 1, 1)))]
    weights = make_network(outputs, (batch, 3, SIDE, SIDE), dtype)
    assert infer(tmp_path, weights) == [pytest.approx([0.2, 0.4], abs=1e-3), [[1.0]]]


def test_a_network_with_a_larger_batch_returns_the_first_picture_s_outputs(tmp_path: Path) -> None:
    # The network always has four outputs; three of the four pictures are black, so the mean is a quarter.
    weights = make_network([(np.zeros((4, 2)), np.ones((4, 2)))], (4, 3, SIDE, SIDE))
    assert infer(tmp_path, weights) == [pytest.approx([0.05, 0.05], abs=1e-5)]


def test_an_input_of_any_size_gets_the_package_s_size(tmp_path: Path) -> None:
    wide = NetworkInput(64, 32, "rgb", "letterbox", 0, 255.0, None, None)
    weights = make_network([(np.ones((1, 1)), np.ones((1, 1)))], ("batch", 3, "height", "width"))
    assert infer(tmp_path, weights, wide) == [pytest.approx([1.2], abs=1e-5)]


def test_single_precision_is_the_same_everywhere_and_the_hardware_s_is_close(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(
        make_network([(np.zeros((1, 2)), np.array([[1.0, 2.0]]))], (1, 3, SIDE, SIDE))
    )
    picture = np.full((SIDE, SIDE, 3), 51, dtype=np.uint8)
    for precision, tolerance in ((Precision.F32, 1e-6), (Precision.HARDWARE, 0.01)):
        network = Network(tmp_path / "weights.onnx", INPUT, precision)
        network.next_input[:] = picture
        [output] = network.start().finish()
        assert output.tolist() == pytest.approx([0.2, 0.4], rel=tolerance)
