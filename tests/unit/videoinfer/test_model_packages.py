import json
from pathlib import Path

import pytest

from tests.stand_ins.model_files import write_package
from tests.stand_ins.random_models import make_packages_of_every_type
from videoengine.model_packages import REQUIRED_FILES
from videoinfer.errors import CommandError
from videoinfer.model_packages import read_model_package
from videojobs.jobs.options import Model

API_NAMES = {"multi-label-classification": "classification", "embedding": "clip-embed-image"}
"""The API's names of the types that packages name otherwise."""


def test_the_folder_names_the_model_and_its_version(model_folder: Path) -> None:
    assert read_model_package(model_folder).as_api_model() == {
        "model_id": "hands",
        "model_version": "4",
        "inference_type": "object-detection",
    }


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_missing_file_is_named(model_folder: Path, name: str) -> None:
    (model_folder / name).unlink()

    with pytest.raises(CommandError, match=f"lacks {name}"):
        read_model_package(model_folder)


def test_a_folder_of_versions_is_refused_with_a_version_to_use(model_folder: Path) -> None:
    with pytest.raises(CommandError, match=str(model_folder)):
        read_model_package(model_folder.parent)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        read_model_package(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{}", "task_type is None"),
        ("no json", "model_config.json is not JSON"),
        ('{"task_type": "gaze-detection"}', "task_type is 'gaze-detection'; this engine runs object-detection"),
    ],
)
def test_a_package_that_the_engine_cannot_run_is_refused_with_its_reason(
    model_folder: Path, config: str, words: str
) -> None:
    given = {"backend_type": "onnx", **json.loads(config)} if config.startswith("{") else None
    (model_folder / "model_config.json").write_text(json.dumps(given) if given else config)

    with pytest.raises(CommandError, match=words):
        read_model_package(model_folder)


@pytest.mark.parametrize("kind", make_packages_of_every_type())
def test_a_package_of_each_type_gets_the_api_s_name_of_the_type(tmp_path: Path, kind: str) -> None:
    files = make_packages_of_every_type()[kind]
    package = read_model_package(write_package(tmp_path / "model" / "1", files))

    assert Model.parse(package.as_api_model()).inference_type == API_NAMES.get(kind, kind)
