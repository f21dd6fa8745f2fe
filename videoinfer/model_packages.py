"""Reads model packages, which are folders in Roboflow's layout, before the engine gets them."""

import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from videoengine.errors import ModelPackageInvalid
from videoengine.job_requests import NAME
from videoengine.model_packages import REQUIRED_FILES, WEIGHTS, read_package
from videoinfer.display import Display
from videoinfer.errors import CommandError
from videoinfer.onnx_packages import compose_package, link_package, list_weights
from videoinfer.output_folder import open_output_folder
from videoinfer.own_command import spell_command


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


@contextmanager
def open_models(paths: Sequence[Path]) -> Iterator[list[LocalModel]]:
    """Reads model packages, and makes temporary ones from ONNX files.

    Args:
        paths: Packages and ONNX files.

    Raises:
        CommandError: One of them can't be used; the message says why.
    """
    with ExitStack() as folders:
        models = []
        for path in paths:
            if path.is_file() and not _is_in_package(path):
                folder = folders.enter_context(tempfile.TemporaryDirectory(prefix="videoinfer-"))
                package = Path(folder, name_model(path), "1")
                link_package(path, package, compose_package(path))
                models.append(read_model_package(package))
            else:
                models.append(read_model_package(path.parent if path.is_file() else path))
        yield models


def make_package(
    weights: Path, output: Path | None, *, class_names: Path | None, family: str | None, display: Display
) -> None:
    """Makes a package from an ONNX file, and prints what it runs and the next commands.

    Args:
        output: The package's folder; by default `models/<model id>/1`.
        class_names, family: As for `compose_package`.

    Raises:
        CommandError: The file can't be used, or the folder can't be written; the message says why.
    """
    files = compose_package(weights, class_names=class_names, family=family)
    output = output or Path("models", name_model(weights), "1")
    place = output.resolve()
    if not (NAME.fullmatch(place.parent.name) and NAME.fullmatch(place.name)):
        raise CommandError(
            f"{output} can't name a model: give --output a folder <model id>/<version>, both of ASCII letters, digits, "
            "dots, hyphens and underscores, such as models/bottles/3."
        )
    with open_output_folder(output) as folder:
        for name, content in files.items():
            folder.write(name, content)
        for name, path in list_weights(weights).items():
            with path.open("rb") as file:
                folder.write(name, file)
        folder.finish()
    made = read_package(output)
    size = f"{made.network_input.width} x {made.network_input.height}"
    display.done(f"{made.architecture}, {made.task_type}, {len(made.class_names):,} classes, input {size}")
    display.outputs(output, [WEIGHTS, *files])
    display.heading("To run it, here and on the engine")
    folder_word, id_word, version_word = map(shlex.quote, (str(place), place.parent.name, place.name))
    display.text(spell_command(f"videoinfer infer VIDEO --model {folder_word}"))
    display.text(f"aws s3 sync {folder_word} s3://MODELS_BUCKET/{id_word}/{version_word}")
    model = f"--model-id {id_word} --model-version {version_word} --inference-type {made.task_type}"
    display.text(spell_command(f"videoinfer upload VIDEO {model}"))


def name_model(weights: Path) -> str:
    """A model id that the API takes, from a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", weights.stem).strip("-._")[:100] or "model"


def _is_in_package(weights: Path) -> bool:
    return weights.name == WEIGHTS and all((weights.parent / name).is_file() for name in REQUIRED_FILES)


def read_model_package(folder: Path) -> LocalModel:
    """Reads the package in `…/<model_id>/<model_version>`.

    Raises:
        CommandError: The folder is not a model package, or the engine can't run it; the message says why.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise CommandError(f"{folder} does not exist: give the folder of a model package, or an ONNX file.")
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
