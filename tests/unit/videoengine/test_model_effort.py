"""The estimated work of a model, against what others publish and what was measured."""

import pytest

from tests.stand_ins.engine import MODELS_BUCKET, EngineInProcess
from tests.stand_ins.model_files import make_package
from videoengine.model_effort import YOLO11N_SECONDS, estimate_frame_seconds
from videoengine.model_store import describe_package

# Parameters and FLOPs at 640 pixels: https://docs.ultralytics.com/models/yolo11
YOLO11 = {
    "n": (2.6e6, 6.5e9),
    "s": (9.4e6, 21.5e9),
    "m": (20.1e6, 68.0e9),
    "l": (25.3e6, 86.9e9),
    "x": (56.9e6, 194.9e9),
}


@pytest.mark.parametrize("size", YOLO11)
def test_the_estimate_is_proportional_to_the_published_flops_within_a_half(size: str) -> None:
    parameters, flops = YOLO11[size]
    relative = estimate_frame_seconds(round(4 * parameters), 640 * 640) / YOLO11N_SECONDS
    assert 0.66 <= relative / (flops / YOLO11["n"][1]) <= 1.5


def test_a_larger_input_takes_proportionally_longer() -> None:
    assert estimate_frame_seconds(10_700_000, 1280 * 640) == pytest.approx(2 * YOLO11N_SECONDS)


def test_a_small_model_takes_as_long_as_yolo11n() -> None:
    assert estimate_frame_seconds(1000, 224 * 224) == YOLO11N_SECONDS


def test_all_files_of_a_package_count(engine: EngineInProcess) -> None:
    """Weights may be in files of their own."""
    size = {"height": 1280, "width": 1280}
    files = make_package(training_input_size=size) | {"weights.onnx.data": bytes(10_700_000)}
    engine.put_model(files, version="5", model_id="large")
    package = describe_package(engine.s3, MODELS_BUCKET, "large/5")
    assert package
    assert package.size_bytes == sum(map(len, files.values()))
    assert package.frame_seconds == pytest.approx(4 * YOLO11N_SECONDS, rel=0.01)
