from pathlib import Path

import pytest

from videoinfer.errors import CommandError
from videoinfer.model_packages import PACKAGE_FILES, read_model_package


def test_the_folder_names_the_model_and_its_version(model_folder: Path) -> None:
    assert read_model_package(model_folder).as_api_model() == {
        "model_id": "hands",
        "model_version": "4",
        "inference_type": "object-detection",
    }


@pytest.mark.parametrize("name", PACKAGE_FILES)
def test_a_missing_file_is_named(model_folder: Path, name: str) -> None:
    (model_folder / name).unlink()

    with pytest.raises(CommandError, match=f"lacks {name}"):
        read_model_package(model_folder)


def test_a_folder_of_versions_leads_to_one(model_folder: Path) -> None:
    with pytest.raises(CommandError, match=str(model_folder)):
        read_model_package(model_folder.parent)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        read_model_package(tmp_path / "nowhere")


@pytest.mark.parametrize("config", ["{}", "[]", "no json"])
def test_a_package_that_does_not_say_its_task_is_refused(model_folder: Path, config: str) -> None:
    (model_folder / "model_config.json").write_text(config)

    with pytest.raises(CommandError, match="task_type"):
        read_model_package(model_folder)
