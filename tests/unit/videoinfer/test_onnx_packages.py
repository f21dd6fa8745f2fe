"""Model packages from ONNX files, with the metadata and the output shapes of exporters.

The shapes and the metadata are those of files that ultralytics 8.4 and YOLOv5 export, with fewer classes and boxes;
`bench.engine` runs a file that ultralytics has exported.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.stand_ins.model_files import add_metadata, make_external_data, make_network, make_weights
from videoengine.detector import Detector
from videoengine.model_packages import read_package
from videoinfer.errors import CommandError
from videoinfer.main import app
from videoinfer.model_packages import name_model, open_models
from videoinfer.onnx_packages import compose_package, link_package

NAMES = {0: "bottle", 1: "can"}
INPUT = (1, 3, 32, 32)


def export(
    path: Path, metadata: Mapping[str, object], *outputs: tuple[int, ...], shape: tuple[int | str, ...] = INPUT
) -> Path:
    """Writes an ONNX file with such outputs."""
    network = make_network([(np.zeros(output), np.zeros(output)) for output in outputs], shape)
    path.write_bytes(add_metadata(network, metadata))
    return path


def describe(name: str, task: str = "detect", **more: object) -> dict[str, object]:
    return {
        "description": f"Ultralytics {name} model trained on coco.yaml",
        "stride": 32,
        "task": task,
        "batch": 1,
        "imgsz": [32, 32],
        "names": NAMES,
        **more,
    }


POSE = {"kpt_shape": [2, 3], "kpt_names": {0: ["cap", "base"], 1: ["lid", "base"]}}
EXPORTS: Mapping[str, tuple[dict[str, object], list[tuple[int, ...]], str, str]] = {
    "YOLO11": (describe("YOLO11n"), [(1, 6, 21)], "yolov11", "object-detection"),
    "YOLOv8": (describe("YOLOv8n"), [(1, 6, 21)], "yolov8", "object-detection"),
    "YOLO12": (describe("YOLO12n"), [(1, 6, 21)], "yolov12", "object-detection"),
    "YOLOv5u has no objectness": (describe("YOLOv5nu"), [(1, 6, 21)], "yolov8", "object-detection"),
    "YOLOv5": ({"stride": 32, "names": NAMES}, [(1, 63, 7)], "yolov5", "object-detection"),
    "YOLOv5 with a list of names": ({"names": ["bottle", "can"]}, [(1, 63, 7)], "yolov5", "object-detection"),
    "YOLOv10": (describe("YOLOv10n", end2end=True), [(1, 300, 6)], "yolov10", "object-detection"),
    "YOLO26": (describe("YOLO26n", end2end=True), [(1, 300, 6)], "yolo26", "object-detection"),
    "with NMS": (describe("YOLO11n", args={"nms": True}), [(1, 300, 6)], "yolov11", "object-detection"),
    "masks": (describe("YOLO11n-seg", "segment"), [(1, 38, 21), (1, 32, 8, 8)], "yolov11", "instance-segmentation"),
    "YOLO26's masks": (
        describe("YOLO26n-seg", "segment"),
        [(1, 300, 38), (1, 32, 8, 8)],
        "yolo26",
        "instance-segmentation",
    ),
    "key points": (describe("YOLO11n-pose", "pose", **POSE), [(1, 12, 21)], "yolov11", "keypoint-detection"),
    "classes": (describe("YOLOv8n-cls", "classify"), [(1, 2)], "yolov8", "classification"),
}


@pytest.mark.parametrize("exported", EXPORTS)
def test_the_engine_runs_a_package_of_an_export(tmp_path: Path, exported: str) -> None:
    metadata, outputs, family, task_type = EXPORTS[exported]
    weights = export(tmp_path / "best.onnx", metadata, *outputs)

    link_package(weights, tmp_path / "bottles" / "1", compose_package(weights))

    package = read_package(tmp_path / "bottles" / "1")
    assert (package.architecture, package.task_type) == (family, task_type)
    assert package.class_names == ("bottle", "can")
    assert (package.network_input.width, package.network_input.height) == (32, 32)
    Detector(tmp_path / "bottles" / "1")  # checks the shapes


@pytest.mark.parametrize("exported", EXPORTS)
def test_a_package_has_all_that_roboflow_s_own_runner_asks_for(tmp_path: Path, exported: str) -> None:
    """The fields without a default in inference-models 0.39.6: models/common/roboflow/model_packages.py."""
    metadata, outputs, _, _ = EXPORTS[exported]
    weights = export(tmp_path / "best.onnx", metadata, *outputs)
    files = {name: json.loads(content) for name, content in compose_package(weights).items() if name.endswith("json")}
    config = files["inference_config.json"]
    assert config["network_input"].keys() >= {
        *("training_input_size", "dynamic_spatial_size_supported", "color_mode", "resize_mode", "input_channels")
    }
    assert config["post_processing"].keys() >= {"type", "fused"}
    assert files["model_config.json"].keys() >= {"model_architecture", "task_type", "backend_type"}
    for points in files.get("keypoints_metadata.json", []):
        assert points.keys() >= {"object_class_id", "keypoints", "edges"}


def test_key_points_have_the_names_of_the_file(tmp_path: Path) -> None:
    shape = (1, 12, 21)
    for metadata, names in ((POSE, ["cap", "base"]), ({"kpt_shape": [2, 3]}, ["0", "1"])):
        files = compose_package(export(tmp_path / "a.onnx", describe("YOLO11n-pose", "pose", **metadata), shape))
        points = json.loads(files["keypoints_metadata.json"])[0]["keypoints"]
        assert list(points.values()) == names


def test_frames_are_prepared_as_for_training(tmp_path: Path) -> None:
    files = compose_package(export(tmp_path / "a.onnx", describe("YOLO11n"), (1, 6, 21)))
    prepared = json.loads(files["inference_config.json"])["network_input"]
    assert (prepared["resize_mode"], prepared["padding_value"], prepared["scaling_factor"]) == ("letterbox", 114, 255)


def test_a_network_for_any_size_gets_the_size_of_its_training(tmp_path: Path) -> None:
    anything = ("batch", 3, "height", "width")
    known = export(tmp_path / "a.onnx", describe("YOLO11n"), (1, 6, 21), shape=anything)
    sizes = json.loads(compose_package(known)["inference_config.json"])["network_input"]["training_input_size"]
    assert sizes == {"width": 32, "height": 32}
    unknown = export(tmp_path / "b.onnx", {"names": NAMES}, (1, 63, 7), shape=anything)
    with pytest.raises(CommandError, match="any size: export it with a fixed one"):
        compose_package(unknown)


@pytest.mark.parametrize(
    ("metadata", "family", "is_fused"),
    [
        ({"end2end": False, "args": {"nms": None}}, "yolov8", False),
        ({"end2end": False, "args": {"nms": True}}, "yolov8", True),
        ({"end2end": True, "args": {"nms": False}}, "yolo26", True),
    ],
)
def test_outputs_of_any_size_are_those_of_the_metadata(
    tmp_path: Path, metadata: dict[str, object], family: str, is_fused: bool
) -> None:
    """Newer exports of networks for any size don't say how large their outputs are."""
    name = "YOLO26n" if metadata["end2end"] else "YOLOv8n"
    weights = tmp_path / "a.onnx"
    network = make_network([(np.zeros((1, 6, 21)), np.zeros((1, 6, 21)))], shown_shapes=[("b", "v", "n")])
    weights.write_bytes(add_metadata(network, describe(name) | metadata))

    files = compose_package(weights)

    assert json.loads(files["model_config.json"])["model_architecture"] == family
    assert json.loads(files["inference_config.json"])["post_processing"]["fused"] == is_fused


def test_what_the_file_does_not_say_can_be_given(tmp_path: Path) -> None:
    weights = export(tmp_path / "best.onnx", {}, (1, 63, 7))
    with pytest.raises(CommandError, match=r"does not name its classes.*--class-names"):
        compose_package(weights)
    names = tmp_path / "names.txt"
    names.write_bytes("bottle\r\n\r\nboîte à lait\r\n".encode("utf-8-sig"))

    files = compose_package(weights, class_names=names, family="yolov7")

    assert files["class_names.txt"].decode() == "bottle\nboîte à lait\n"
    assert json.loads(files["model_config.json"])["model_architecture"] == "yolov7"


def test_a_family_decides_where_the_shape_does_not(tmp_path: Path) -> None:
    """With one class, rows with objectness have six values, like those of a network with its own selection."""
    weights = export(tmp_path / "a.onnx", {"names": {0: "bottle"}}, (1, 252, 6))
    assert json.loads(compose_package(weights)["model_config.json"])["model_architecture"] == "yolo26"
    given = compose_package(weights, family="yolov5")
    assert not json.loads(given["inference_config.json"])["post_processing"]["fused"]
    many = export(tmp_path / "b.onnx", {"names": {0: "bottle"}}, (1, 6300, 6))
    assert json.loads(compose_package(many)["model_config.json"])["model_architecture"] == "yolov5"


@pytest.mark.parametrize(
    ("metadata", "outputs", "words"),
    [
        (describe("YOLO11n-obb", "obb"), [(1, 7, 21)], "its task is 'obb'; this engine runs detect"),
        (describe("YOLO11n", names={0: "a", 2: "b"}), [(1, 6, 21)], "does not name its classes"),
        (describe("YOLO11n", names="__import__('os')"), [(1, 6, 21)], "does not name its classes"),
        (describe("YOLO11n", names="[" * 100_000), [(1, 6, 21)], "does not name its classes"),
        (describe("YOLO11n"), [(1, 9, 21)], "outputs of 1 x 9 x 21 are not those of a YOLO model with 2 classes"),
        (describe("RF-DETR"), [(1, 300, 4), (1, 300, 3)], "another family needs a package from Roboflow"),
        (describe("YOLO11n-pose", "pose", kpt_shape=[17, 2]), [(1, 40, 21)], r"the shape \[17, 2\]"),
        (describe("YOLO11n-pose", "pose", kpt_shape=["x", 3]), [(1, 12, 21)], "its metadata has an unknown form"),
        (describe("YOLO11n-pose", "pose", kpt_shape=[2, 3], kpt_names={0: 5}), [(1, 12, 21)], "has an unknown form"),
        (describe("YOLO11n-pose", "pose", kpt_shape=[10**9, 3]), [(1, 12, 21)], "1,000,000,000 key points"),
        (describe("YOLO11n-seg", "segment"), [(1, 38, 21), (1,)], "its metadata has an unknown form"),
        (describe("YOLO11n-seg", "segment"), [(1, 6, 21)], "outputs of 1 x 6 x 21 are not those"),
        (describe("YOLOv8n-cls", "classify"), [(1, 1000)], "outputs of 1 x 1000 are not those of a YOLO model with 2"),
        (describe("YOLOv8n-cls", "classify"), [], "it has no outputs"),
        (describe("YOLO11n", names={"a": 1, (2, 3): 4}), [(1, 6, 21)], "does not name its classes"),
        ({"names": NAMES}, [(1, 63, 39), (1, 32, 8, 8)], "model_architecture is 'yolov5'; this engine runs yolov8"),
    ],
)
def test_an_export_that_the_engine_cannot_run_is_refused_with_a_reason(
    tmp_path: Path, metadata: dict[str, object], outputs: list[tuple[int, ...]], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        compose_package(export(tmp_path / "a.onnx", metadata, *outputs))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("best.pt", b"PK", "yolo export model=.*best.pt format=onnx"),
        ("my best.pt", b"PK", r"yolo export model='.*my best\.pt' format=onnx"),
        ("best.onnx", b"<!DOCTYPE html>", "is not an ONNX file"),
        ("best.onnx", b"\x08\x08", "is not an ONNX file"),
        ("best.onnx", b"", "is empty"),
    ],
)
def test_another_file_is_refused_with_what_to_do(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError, match=words):
        compose_package(tmp_path / name)


def test_names_of_classes_fill_one_line_each(tmp_path: Path) -> None:
    weights = export(tmp_path / "a.onnx", describe("YOLO11n", names={0: " a\nb ", 1: ""}), (1, 6, 21))
    assert compose_package(weights)["class_names.txt"] == b"a b\nclass 1\n"


def test_names_may_have_backslashes(tmp_path: Path) -> None:
    """Python warns of them in a literal, and a warning is an error in tests."""
    weights = export(tmp_path / "a.onnx", describe("YOLO11n", names=r"{0: 'a\d', 1: 'b'}"), (1, 6, 21))
    assert compose_package(weights)["class_names.txt"] == b"a\\d\nb\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a\n\xff\n", "must be saved in UTF-8"), (b"\n \n", "has no names"), (b"", "is empty")],
)
def test_a_bad_file_of_class_names_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    weights, names = export(tmp_path / "a.onnx", {}, (1, 6, 21)), tmp_path / "names.txt"
    names.write_bytes(content)
    with pytest.raises(CommandError, match=f"^{names}.* {words}"):
        compose_package(weights, class_names=names)


@pytest.mark.parametrize("folder", ["my bottles/3", "bottles/version 3", "-bottles/3"])
def test_a_folder_that_the_api_can_not_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = export(tmp_path / "a.onnx", describe("YOLO11n"), (1, 6, 21))
    result = CliRunner().invoke(app, ["package", str(weights), f"--output={folder}"])
    assert result.exit_code == 1
    assert f"{folder} can't name a model" in result.output
    assert not Path(folder).exists()


def test_weights_beside_the_file_come_along(tmp_path: Path) -> None:
    (tmp_path / "best.onnx").write_bytes(add_metadata(make_weights("best.data"), describe("YOLO11n")))
    (tmp_path / "best.data").write_bytes(make_external_data())
    result = CliRunner().invoke(app, ["package", str(tmp_path / "best.onnx"), "-o", str(tmp_path / "bottles" / "3")])
    assert result.exit_code == 0, result.output
    Detector(tmp_path / "bottles" / "3")


def test_a_package_is_written_with_the_next_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export(tmp_path / "line 3.onnx", describe("YOLO11n"), (1, 6, 21))

    result = CliRunner().invoke(app, ["package", "line 3.onnx"])

    assert result.exit_code == 0, result.output
    assert "yolov11, object-detection, 2 classes, input 32 x 32" in result.output
    assert f"infer VIDEO --model {tmp_path}/models/line-3/1" in result.output
    assert f"aws s3 sync {tmp_path}/models/line-3/1 s3://MODELS_BUCKET/line-3/1" in result.output
    assert "upload VIDEO --model-id line-3 --model-version 1 --inference-type object-detection" in result.output
    written = {path.name for path in (tmp_path / "models" / "line-3" / "1").iterdir()}
    assert written == {"weights.onnx", "class_names.txt", "inference_config.json", "model_config.json"}
    again = CliRunner().invoke(app, ["package", "line 3.onnx"])
    assert (again.exit_code, again.output) == (1, "Error: models/line-3/1 is not empty: give another --output.\n")


def test_a_file_is_a_model_of_infer(tmp_path: Path, video: Path) -> None:
    weights, output = tmp_path / "best.onnx", tmp_path / "results.json"
    weights.write_bytes(add_metadata(make_weights(), describe("YOLO11n")))

    result = CliRunner().invoke(app, ["infer", str(video), "--model", str(weights), "-o", str(output)])

    assert result.exit_code == 0, result.output
    results = json.loads(output.read_bytes())
    assert {found["class"] for element in results["best"] for found in element["predictions"]} == {"bottle"}


def test_the_weights_of_a_package_stand_for_it(model_folder: Path) -> None:
    with open_models([model_folder / "weights.onnx"]) as [model]:
        assert (model.model_id, model.model_version, model.folder) == ("hands", "4", model_folder)


@pytest.mark.parametrize(
    ("name", "model_id"), [("best.onnx", "best"), ("line 3 (ü).onnx", "line-3"), ("….onnx", "model"), ("é", "model")]
)
def test_a_file_names_its_model(name: str, model_id: str) -> None:
    assert name_model(Path(name)) == model_id
