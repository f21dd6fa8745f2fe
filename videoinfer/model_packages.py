"""Reads model packages, which are folders in Roboflow's layout, before the engine gets them."""

from dataclasses import dataclass
from pathlib import Path

from videoengine.errors import ModelPackageInvalid
from videoengine.model_packages import REQUIRED_FILES, read_package
from videoinfer.errors import CommandError


@dataclass(frozen=True)
class LocalModel:
    """A model package in a folder of this computer.

    Attributes:
        task_type: The inference type as the API names it, such as `object-detection`.
    """

    folder: Path
    model_id: str
    model_version: str
    task_type: str

    def as_api_model(self) -> dict[str, str]:
        """The model as an entry of the API's `models`."""
        return {"model_id": self.model_id, "model_version": self.model_version, "inference_type": self.task_type}


def read_model_package(folder: Path) -> LocalModel:
    """Reads the package in `…/<model_id>/<model_version>`.

    Raises:
        CommandError: The folder is not a model package, or the engine can't run it; the message says why.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise CommandError(f"The folder {folder} does not exist: give the folder of a model package.")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise CommandError(f"{folder} is not a model package: it lacks {', '.join(missing)}.{_hint(folder)}")
    try:
        package = read_package(folder)
    except ModelPackageInvalid as invalid:
        raise CommandError(f"{folder} can't be run: {invalid}.") from invalid
    return LocalModel(folder, folder.parent.name, folder.name, package.task_type)


def _hint(folder: Path) -> str:
    versions = sorted(path.parent.name for path in folder.glob("*/weights.onnx"))
    return f" Give one of its versions, for example {folder / versions[-1]}." if versions else ""
