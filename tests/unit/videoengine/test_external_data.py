"""Weights in a file beside the network's."""

from pathlib import Path

import pytest

from tests.stand_ins.engine import EngineInProcess
from tests.stand_ins.model_files import make_external_data, make_package, make_weights
from tests.unit.videoengine.test_model_store import fetch
from videoengine.detector import Detector
from videoengine.errors import ModelPackageInvalid


def test_external_weights_are_fetched_too(engine: EngineInProcess, tmp_path: Path) -> None:
    beside = {"weights.onnx": make_weights("model.onnx.data"), "model.onnx.data": make_external_data()}
    engine.put_model(make_package() | beside | {"model.pt": b"never fetched"})
    [folder] = fetch(engine, tmp_path)
    assert {file.name for file in folder.iterdir()} == {*make_package(), "model.onnx.data"}
    Detector(folder)
    engine.put_model({"model.onnx.data": bytes(len(make_external_data()))})
    assert fetch(engine, tmp_path) != [folder]


@pytest.mark.parametrize("name", ["model.onnx.data", "../4/weights.onnx", "/etc/passwd"])
def test_missing_external_weights_are_named(name: str, engine: EngineInProcess, tmp_path: Path) -> None:
    engine.put_model({"weights.onnx": make_weights(name)})
    [folder] = fetch(engine, tmp_path)
    with pytest.raises(ModelPackageInvalid, match=rf"^weights\.onnx (has weights in|can't be compiled).*{name}"):
        Detector(folder)
