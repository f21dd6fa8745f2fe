"""Model packages: what is read, and that each refusal names the file and entry."""

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


def test_missing_entries_mean_the_same_as_for_roboflow_s_runner() -> None:
    network_input = parse_package(make_package(scaling_factor=None, padding_value=None)).network_input
    assert (network_input.scaling_factor, network_input.padding_value) == (1.0, 0)


def test_normalization_is_a_mean_and_a_standard_deviation_per_channel() -> None:
    package = parse_package(make_package(normalization=[[0.1, 0.2, 0.3], [1, 2, 3]]))
    assert (package.network_input.mean, package.network_input.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("architecture", "task_type", "resize_mode", "expected"),
    [
        ("yolov8", "object-detection", "letterbox-reflect-edges", ("letterbox", 114)),
        ("yolov8", "object-detection", "center-crop", ("center-crop", 114)),
        ("yolov8", "object-detection", "fit-longer-edge", ("letterbox", 127)),
        ("rfdetr", "object-detection", "fit-longer-edge", ("stretch", 0)),
        ("rfdetr", "object-detection", "letterbox", ("stretch", 0)),
        ("vit", "classification", "fit-longer-edge", ("stretch", 0)),
        ("clip", "embedding", "stretch", ("cover", 0)),
    ],
)
def test_a_resize_mode_means_the_same_as_for_roboflow_s_runner(
    architecture: str, task_type: str, resize_mode: str, expected: tuple[str, int]
) -> None:
    files = make_package(resize_mode=resize_mode, padding_value=114)
    model = {"model_architecture": architecture, "task_type": task_type, "backend_type": "onnx"}
    files |= {"model_config.json": json.dumps(model).encode()}
    files |= {"inference_config.json": files["inference_config.json"].replace(b'"nms"', b'"%s"' % POST[task_type])}
    network_input = parse_package(files).network_input
    assert (network_input.resize_mode, network_input.padding_value) == expected


POST = {"object-detection": b"nms", "classification": b"softmax", "embedding": b"none"}


def make_rfdetr(**network_input: Any) -> dict[str, bytes]:
    model = b'{"model_architecture": "rfdetr", "task_type": "object-detection", "backend_type": "onnx"}'
    return make_package(resize_mode="letterbox", **network_input) | {"model_config.json": model}


def test_rf_detr_is_letterboxed_like_its_data_set() -> None:
    package = parse_package(make_rfdetr(dataset_version_resize_dimensions={"width": 64, "height": 64}))
    assert package.network_input.resize_mode == "letterbox"
    with pytest.raises(ModelPackageInvalid, match="must have the shape of training_input_size"):
        parse_package(make_rfdetr(dataset_version_resize_dimensions={"width": 64, "height": 48}))


def test_clip_has_its_own_normalization() -> None:
    files = make_package() | {
        "model_config.json": b'{"model_architecture": "clip", "task_type": "embedding", "backend_type": "onnx"}',
        "inference_config.json": b"{}",
        "class_names.txt": b"",
    }
    package = parse_package(files)
    assert package.task_type == "clip-embed-image"
    assert (package.network_input.width, package.network_input.height) == (224, 224)
    assert package.network_input.mean == (0.48145466, 0.4578275, 0.40821073)


# "Mülleimer" has a byte that is valid in Latin-1, but not in UTF-8.
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_line_endings_are_not_part_of_a_name(ending: str) -> None:
    names = ending.join(["person", " Mülleimer ", "", "  ", "a\u2028b", "c\x85d", ""])
    package = parse_package(make_package() | {"class_names.txt": names.encode("utf-8-sig")})
    assert package.class_names == ("person", "Mülleimer", "a\u2028b", "c\x85d")


@pytest.mark.parametrize("file", ["inference_config.json", "model_config.json"])
def test_a_byte_order_mark_before_json_is_ignored(file: str) -> None:
    files = make_package()
    assert parse_package(files | {file: b"\xef\xbb\xbf" + files[file]}) == parse_package(files)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("file", ["class_names.txt", "inference_config.json", "model_config.json"])
def test_another_encoding_is_given_as_the_reason(file: str, encoding: str) -> None:
    files = make_package()
    text = files[file].decode().replace('"color_mode"', '"Mülleimer": 1, "color_mode"').replace("onnx", "Mülleimer")
    content = text.replace("Paper", "Mülleimer").encode(encoding)
    with pytest.raises(ModelPackageInvalid, match=f"^{file} must be saved in UTF-8; byte "):
        parse_package(files | {file: content})


def test_another_encoding_of_keypoints_is_given_as_the_reason() -> None:
    files = changed("model_config.json", task_type="keypoint-detection")
    with pytest.raises(ModelPackageInvalid, match=r"^keypoints_metadata\.json must be saved in UTF-8"):
        parse_package(files | {"keypoints_metadata.json": "[]".encode("utf-16")})


def changed(file: str, **entries: Any) -> dict[str, bytes]:
    files = make_package()
    return files | {file: json.dumps(json.loads(files[file]) | entries).encode()}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            make_package(resize_mode="fill"),
            "resize_mode is 'fill'; this engine runs letterbox, letterbox-reflect-edges",
        ),
        (make_package(color_mode="gray"), "color_mode is 'gray'; this engine runs rgb, bgr"),
        (make_package(input_channels=1), "input_channels must be 3"),
        (make_package(training_input_size={"width": 32}), "training_input_size.height must be a number of pixels"),
        (make_package(normalization=[1, 2]), "normalization must be two lists"),
        (make_package(normalization=[[1], [2]]), "normalization must have three numbers"),
        (changed("model_config.json", model_architecture="yolov6"), "model_architecture is 'yolov6'; this engine runs"),
        (changed("model_config.json", task_type="vlm"), "task_type is 'vlm'"),
        (changed("model_config.json", backend_type="torch"), "backend_type is 'torch'; this engine runs onnx"),
        (changed("inference_config.json", post_processing={"type": "softmax"}), "post_processing.type must be nms"),
        (
            changed("inference_config.json", class_names_operations=[{"type": "rename"}]),
            "class_names_operations 'rename' is not supported",
        ),
        (changed("model_config.json", task_type="keypoint-detection"), "needs keypoints_metadata.json"),
        (
            changed("model_config.json", task_type="keypoint-detection") | {"keypoints_metadata.json": b"[{}]"},
            "keypoints_metadata.json must list object_class_id and keypoints",
        ),
        (
            changed("inference_config.json", image_pre_processing={"grayscale": {"enabled": True}}),
            "image_pre_processing grayscale is not supported",
        ),
        (make_package() | {"class_names.txt": b"\n"}, "class_names.txt names no class"),
        (make_package() | {"model_config.json": b"{"}, "model_config.json is not JSON"),
        (make_package() | {"inference_config.json": b"[]"}, "inference_config.json must hold a JSON object"),
    ],
)
def test_a_package_that_cannot_be_run_is_refused_with_the_entry_s_name(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ModelPackageInvalid, match=message):
        parse_package(files)


def test_disabled_preprocessing_is_accepted() -> None:
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
