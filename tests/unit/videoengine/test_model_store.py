"""Model packages in the bucket."""

from pathlib import Path

import pytest

from tests.stand_ins.engine import MODELS_BUCKET, EngineInProcess
from tests.stand_ins.model_files import make_package
from videoengine.errors import ModelPackageInvalid
from videoengine.model_store import describe_package, download_package

NAME = "rock-paper-scissors-presentation/4"


def test_a_package_is_described_without_its_weights(engine: EngineInProcess) -> None:
    engine.put_model({"weights.onnx": b"never read"})
    package = describe_package(engine.s3, MODELS_BUCKET, NAME)
    assert package
    assert package.architecture == "yolov8"


def test_there_is_no_package_where_there_are_no_files(engine: EngineInProcess) -> None:
    assert describe_package(engine.s3, MODELS_BUCKET, "rock-paper-scissors-presentation/44") is None


def test_an_incomplete_package_says_what_is_missing(engine: EngineInProcess, tmp_path: Path) -> None:
    engine.put_model({"model_config.json": b"{}", "weights.onnx": b""}, version="5")
    for look in (
        lambda: describe_package(engine.s3, MODELS_BUCKET, "rock-paper-scissors-presentation/5"),
        lambda: download_package(engine.s3, MODELS_BUCKET, "rock-paper-scissors-presentation/5", tmp_path),
    ):
        with pytest.raises(ModelPackageInvalid, match=r"has no class_names\.txt and no inference_config\.json"):
            look()


def test_a_package_is_downloaded_once(engine: EngineInProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = download_package(engine.s3, MODELS_BUCKET, NAME, tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == make_package()
    monkeypatch.setattr(engine.s3, "download_file", None)
    assert download_package(engine.s3, MODELS_BUCKET, NAME, tmp_path) == folder


def test_a_package_that_changed_has_another_folder(engine: EngineInProcess, tmp_path: Path) -> None:
    before = download_package(engine.s3, MODELS_BUCKET, NAME, tmp_path)
    engine.put_model({"class_names.txt": b"Plane\nRocket"})
    after = download_package(engine.s3, MODELS_BUCKET, NAME, tmp_path)
    assert after != before
    assert (after / "class_names.txt").read_text() == "Plane\nRocket"
