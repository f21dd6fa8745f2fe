"""Model packages: what is read, and that each refusal says which file and entry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.model_files import CLASS_NAMES, SIDE, make_package
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import ModelPackage, NetworkInput, parse_package


def test_a_package_says_how_its_model_is_run() -> None:
    files = make_package(resize_mode="letterbox", padding_value=114, color_mode="bgr")
    assert parse_package(files) == ModelPackage(
        "object-detection",
        "yolov8",
        CLASS_NAMES,
        NetworkInput(SIDE, SIDE, "bgr", "letterbox", 114, 255.0, None, None),
    )


def test_what_a_package_leaves_out_means_what_it_means_to_roboflows_runner() -> None:
    network_input = parse_package(make_package(scaling_factor=None, padding_value=None)).network_input
    assert (network_input.scaling_factor, network_input.padding_value) == (1.0, 0)


def test_normalization_is_a_mean_and_a_deviation_per_channel() -> None:
    package = parse_package(make_package(normalization=[[0.1, 0.2, 0.3], [1, 2, 3]]))
    assert (package.network_input.mean, package.network_input.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


def changed(file: str, **entries: Any) -> dict[str, bytes]:
    files = make_package()
    return files | {file: json.dumps(json.loads(files[file]) | entries).encode()}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (make_package(resize_mode="center-crop"), "resize_mode is 'center-crop'; this engine runs letterbox, stretch"),
        (make_package(color_mode="gray"), "color_mode is 'gray'; this engine runs rgb, bgr"),
        (make_package(input_channels=1), "input_channels must be 3"),
        (make_package(training_input_size={"width": 32}), "training_input_size.height must be a number of pixels"),
        (make_package(normalization=[1, 2]), "normalization must be two lists"),
        (make_package(normalization=[[1], [2]]), "normalization must have three numbers"),
        (changed("model_config.json", model_architecture="rfdetr"), "model_architecture is 'rfdetr'; this engine runs"),
        (changed("model_config.json", task_type="classification"), "task_type is 'classification'"),
        (changed("model_config.json", backend_type="torch"), "backend_type is 'torch'; this engine runs onnx"),
        (changed("inference_config.json", post_processing={"type": "nms", "fused": True}), "not fused"),
        (
            changed("inference_config.json", image_pre_processing={"grayscale": {"enabled": True}}),
            "image_pre_processing grayscale is not supported",
        ),
        (make_package() | {"class_names.txt": b"\n"}, "class_names.txt names no class"),
        (make_package() | {"model_config.json": b"{"}, "model_config.json is not JSON"),
        (make_package() | {"inference_config.json": b"[]"}, "inference_config.json must hold a JSON object"),
    ],
)
def test_a_package_that_can_not_be_run_is_refused_by_entry(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ModelPackageInvalid, match=message):
        parse_package(files)


def test_what_is_switched_off_is_no_hindrance() -> None:
    off = {"auto-orient": {"enabled": True}, "grayscale": {"enabled": False}, "contrast": None}
    assert parse_package(changed("inference_config.json", image_pre_processing=off))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights.onnx": b"no network"}, "weights.onnx can't be compiled"),
        (
            {"class_names.txt": b"Paper\nRock\nScissors"},
            "has 7 values a box: do class_names.txt and the weights match?",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, bytes], message: str, tmp_path: Path) -> None:
    for name, content in (make_package() | change).items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelPackageInvalid, match=message):
        Detector(tmp_path)
