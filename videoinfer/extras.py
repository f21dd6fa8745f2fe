"""The extras of the package. `pip install .` leaves them out, because operating a deployed stack does not need them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from videoinfer.display import errors_for_people
from videoinfer.errors import CommandError

COMMAND_EXTRAS: Mapping[str, str] = {
    "demo": "local",
    "report": "local",
    "annotate": "local",
    "export": "local",
    "regions": "local",
    "infer": "engine",
}
"""The extra that a command needs. Other commands need none. `pyproject.toml` lists what an extra installs."""

OWN_PACKAGES = ("videoinfer", "videojobs", "videoengine")


@contextmanager
def loading(command: str) -> Iterator[None]:
    """Wraps the imports of a command that needs an extra: a missing package ends the command with one line.

    Example:
        with loading("infer"):
            from videoinfer.inference import run_inference
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in OWN_PACKAGES:
            raise
        extra = COMMAND_EXTRAS[command]
        with errors_for_people():
            raise CommandError(
                f"videoinfer {command} needs the extra '{extra}', and {package} is not installed: "
                f"run pip install '.[{extra}]' in the project's repository."
            ) from missing


def name_panel(command: str) -> str:
    """The heading under which the help lists a command."""
    return f"Commands that need the extra '{COMMAND_EXTRAS[command]}'"
