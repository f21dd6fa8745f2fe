"""Model packages: folders in Roboflow's own layout, read before they are handed to the engine."""

import json
from dataclasses import dataclass
from pathlib import Path

from videoinfer.errors import CommandError

PACKAGE_FILES = ("weights.onnx", "class_names.txt", "inference_config.json", "model_config.json")


@dataclass(frozen=True)
class ModelPackage:
    """A model package on disk.

    Attributes:
        task_type: What the API calls the inference type, such as `object-detection`.
    """

    folder: Path
    model_id: str
    model_version: str
    task_type: str

    def as_api_model(self) -> dict[str, str]:
        """The model as the API's `models` names it."""
        return {
            "model_id": self.model_id,
            "model_version": self.model_version,
            "inference_type": self.task_type,
        }


def read_model_package(folder: Path) -> ModelPackage:
    """Reads the package in `…/<model_id>/<model_version>`.

    Raises:
        CommandError: The folder is no such package; says what is missing.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise CommandError(f"There is no folder {folder}: give the folder of a model package.")
    missing = [name for name in PACKAGE_FILES if not (folder / name).is_file()]
    if missing:
        raise CommandError(f"{folder} is no model package: it lacks {', '.join(missing)}.{_hint(folder)}")
    return ModelPackage(
        folder=folder,
        model_id=folder.parent.name,
        model_version=folder.name,
        task_type=_read_task_type(folder / "model_config.json"),
    )


def _hint(folder: Path) -> str:
    versions = sorted(path.parent.name for path in folder.glob("*/weights.onnx"))
    return f" Its versions are packages: {folder / versions[-1]}, for one." if versions else ""


def _read_task_type(config: Path) -> str:
    try:
        return str(json.loads(config.read_text(encoding="utf-8"))["task_type"])
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{config} does not say a task_type, such as object-detection.") from error
