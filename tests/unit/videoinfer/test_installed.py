"""`pip install` of this repository: the command works anywhere, with what the package declares and nothing else."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.templates import ROOT
from videoinfer.main import app

SOURCES = ("videoinfer", "layers/videojobs/videojobs", "engine/layers/videoengine/videoengine")


class Installed:
    """The command as pip installs it, run in a folder outside the repository.

    `python -S` reads no `.pth` files, so the developers' own editable installation is out of reach.
    """

    def __init__(self, site: Path, folder: Path) -> None:
        self._site, self.folder = site, folder

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.python(str(self._site / "bin" / "videoinfer"), *arguments)

    def python(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.defpath, "PYTHONPATH": str(self._site), "PYTHONWARNINGS": "error", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A wheel of the sources, in a folder with links to the distributions that it requires."""
    source, wheels, site, folder = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site", "elsewhere"))
    for path in SOURCES:
        shutil.copytree(ROOT / path, source / path, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    run_pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", wheels, source)
    [wheel] = wheels.glob("*.whl")
    run_pip("install", "--no-deps", "--no-index", "--no-compile", "--target", site, wheel)
    [metadata] = site.glob("videoinfer-*.dist-info/METADATA")
    for name in find_required(re.findall(r"^Requires-Dist: ([\w.-]+)", metadata.read_text(), flags=re.MULTILINE)):
        link_distribution(name, site)
    return Installed(site, folder)


def run_pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def find_required(names: Sequence[str]) -> set[str]:
    """The distributions of those names, and all that these require on this machine."""
    found, ahead = set[str](names), list(names)
    while ahead:
        for requirement in map(Requirement, distribution(ahead.pop()).requires or []):
            is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if is_needed and requirement.name not in {*found, "openvino-telemetry"}:  # which the project leaves out
                found.add(requirement.name)
                ahead.append(requirement.name)
    return found


def link_distribution(name: str, site: Path) -> None:
    """Links what a distribution has in `site-packages`. Some share a folder (namespace packages): files are linked."""
    for file in distribution(name).files or ():
        if file.parts[0] == ".." or "__pycache__" in file.parts:
            continue
        link = site / file
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(file.locate())


def list_commands() -> Iterator[str]:
    for group in (app, *(entry.typer_instance for entry in app.registered_groups)):
        assert group
        for command in group.registered_commands:
            assert command.callback
            yield command.name or command.callback.__name__


def list_imports() -> Iterator[str]:
    """The packages that the sources import when they run."""
    for path in SOURCES:
        for file in (ROOT / path).rglob("*.py"):
            tree = ast.parse(file.read_text())
            for_types = [
                node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            ]
            skipped = {id(node) for block in for_types for node in ast.walk(block)}
            for node in ast.walk(tree):
                if id(node) not in skipped and isinstance(node, ast.Import):
                    yield from (name.name.partition(".")[0] for name in node.names)
                elif id(node) not in skipped and isinstance(node, ast.ImportFrom):
                    yield (node.module or "").partition(".")[0]


def test_every_dependency_is_declared_and_every_one_declared_is_imported() -> None:
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    own = {Path(path).name for path in SOURCES}
    by_package = packages_distributions()
    imported = {name for name in list_imports() if name not in sys.stdlib_module_names and name not in own}
    needed = {name: {it.replace("_", "-").lower() for it in by_package[name]} for name in imported}
    assert {name for name, distributions in needed.items() if not distributions & declared} == set()
    assert declared - set().union(*needed.values()) == set()


def test_help_is_printed_for_the_program_and_for_every_command(installed: Installed) -> None:
    commands = sorted(list_commands())
    shown = installed.run("--help")
    assert shown.returncode == 0, shown.stderr
    assert all(command in shown.stdout for command in commands)

    script = (
        "import sys; from typer.testing import CliRunner; from videoinfer.main import app\n"
        "for name in sys.argv[1:]: assert CliRunner().invoke(app, [name, '--help']).exit_code == 0, name"
    )
    each = installed.python("-c", script, *commands)
    assert each.returncode == 0, each.stderr


def test_a_video_is_inferred_reported_and_annotated(installed: Installed, video: Path, model_folder: Path) -> None:
    for command in (
        ("infer", video, "--model", model_folder, "--infer-fps", "1", "--output", "results.json"),
        ("report", "results.json", video, "-o", "report.html"),
        ("annotate", "results.json", video, "-o", "annotated.mp4"),
    ):
        done = installed.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    assert list(json.loads((installed.folder / "results.json").read_bytes())) == [
        "frame_offset",
        "time_offset",
        "hands",
    ]
    assert {"report.html", "annotated.mp4"} <= {path.name for path in installed.folder.iterdir()}


@pytest.mark.parametrize("command", ["demo", "verify"])
def test_a_command_says_that_it_needs_the_repository(installed: Installed, command: str) -> None:
    done = installed.run(command)

    assert done.returncode == 1
    assert f"videoinfer {command} runs from the project's repository alone" in " ".join(done.stderr.split())
