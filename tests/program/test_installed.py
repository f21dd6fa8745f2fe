"""`pip install` of this repository: the command works anywhere, with only the packages that the project declares."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from email.parser import Parser
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.command_imports import SOURCES, list_commands
from tests.templates import ROOT
from videoinfer.extras import COMMAND_EXTRAS
from videojobs import __version__


class Installed:
    """The command as pip installs it, run in a folder outside the repository.

    `python -S` reads no `.pth` files, so that the developers' editable installation is not found.
    """

    def __init__(self, program: Path, sites: Sequence[Path], folder: Path) -> None:
        self._program, self._sites, self.folder = program, sites, folder

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.python(str(self._program), *arguments)

    def python(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, self._sites))
        return subprocess.run(
            [sys.executable, "-S", *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.defpath, "PYTHONPATH": path, "PYTHONWARNINGS": "error", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )


type Install = Callable[..., Installed]
"""Installs with an extra, or with none."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sources as a wheel installs them, without their requirements."""
    source, wheels, site = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "site"))
    for path in SOURCES:
        shutil.copytree(ROOT / path, source / path, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run_pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", wheels, source)
    [wheel] = wheels.glob("*.whl")
    run_pip("install", "--no-deps", "--no-index", "--no-compile", "--target", site, wheel)
    return site


@pytest.fixture(scope="module")
def required(wheel: Path) -> Mapping[str, set[str]]:
    """The requirements in the wheel's metadata, by extra; "" stands for none."""
    [metadata] = wheel.glob("videoinfer-*.dist-info/METADATA")
    headers = Parser().parsestr(metadata.read_text())
    requirements = [Requirement(text) for text in headers.get_all("Requires-Dist", [])]
    return {
        extra: {it.name for it in requirements if it.marker is None or it.marker.evaluate({"extra": extra})}
        for extra in ("", *headers.get_all("Provides-Extra", []))
    }


@pytest.fixture(scope="module")
def install(wheel: Path, required: Mapping[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Installs the wheel with an extra or with none, by linking the distributions that it requires."""

    @cache
    def install(extra: str = "") -> Installed:
        site = tmp_path_factory.mktemp("required")
        for name in find_required([*required[extra]]):
            link_distribution(name, site)
        return Installed(wheel / "bin" / "videoinfer", [wheel, site], tmp_path_factory.mktemp("elsewhere"))

    return install


def run_pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def find_required(names: Sequence[str]) -> set[str]:
    """The distributions of these names, and all that they require on this machine."""
    found, ahead = set[str](names), list(names)
    while ahead:
        for requirement in map(Requirement, distribution(ahead.pop()).requires or []):
            is_needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if is_needed and requirement.name not in {*found, "openvino-telemetry"}:  # which the project leaves out
                found.add(requirement.name)
                ahead.append(requirement.name)
    return found


def link_distribution(name: str, site: Path) -> None:
    """Links a distribution's files in `site-packages`; not its folders, because namespace packages share them."""
    for file in distribution(name).files or ():
        if file.parts[0] == ".." or "__pycache__" in file.parts:
            continue
        link = site / file
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(file.locate())


def test_the_metadata_names_the_version_the_license_and_every_extra(
    wheel: Path, required: Mapping[str, set[str]]
) -> None:
    [metadata] = wheel.glob("videoinfer-*.dist-info/METADATA")
    headers = Parser().parsestr(metadata.read_text())

    assert (headers["Version"], headers["License-Expression"]) == (__version__, "Apache-2.0")
    assert (metadata.parent / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert set(required) == {"", *COMMAND_EXTRAS.values()}


def test_help_and_version_need_no_extra(install: Install) -> None:
    base, commands = install(), sorted(name for name, _ in list_commands())
    shown = base.run("--help")
    assert shown.returncode == 0, shown.stderr
    assert all(command in shown.stdout for command in commands)
    assert base.run("--version").stdout == f"videoinfer {__version__}\n"

    script = (
        "import sys; from typer.testing import CliRunner; from videoinfer.main import app\n"
        "for name in sys.argv[1:]: assert CliRunner().invoke(app, [name, '--help']).exit_code == 0, name"
    )
    each = base.python("-c", script, *commands)
    assert each.returncode == 0, each.stderr


@pytest.mark.parametrize(
    "command", sorted({name for name, _ in list_commands()} - {*COMMAND_EXTRAS, "verify", "package"})
)
def test_a_command_for_a_deployed_stack_needs_no_extra(install: Install, command: str) -> None:
    takes_job = {"show", "cancel", "redeliver", "retry", "wait", "open", "download", "logs"}
    arguments = {"backfill": ["s3://b/p"], "upload": [__file__], **{name: ["JOB"] for name in takes_job}}

    done = install().run(command, *arguments.get(command, []))

    # The command got as far as AWS, for which there are no credentials and no region here.
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "region" in done.stderr


ARGUMENTS = {
    "demo": [],
    "report": ["results.json", "belt.mp4"],
    "annotate": ["results.json", "belt.mp4"],
    "export": ["results.json", "belt.mp4"],
    "regions": ["belt.mp4"],
    "infer": ["belt.mp4", "--model", "models/bottles/3"],
}


@pytest.mark.parametrize("command", COMMAND_EXTRAS)
def test_a_command_names_the_extra_that_it_needs_in_one_line(install: Install, command: str) -> None:
    extra = COMMAND_EXTRAS[command]

    done = install().run(command, *ARGUMENTS[command])

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"Error: videoinfer {command} needs the extra '{extra}', and \w+ is not installed: "
        rf"run pip install '\.\[{extra}\]' in the project's repository\.\n",
        done.stderr,
    )


def test_a_video_is_inferred_reported_annotated_and_exported(install: Install, video: Path, model_folder: Path) -> None:
    engine, local = install("engine"), install("local")
    results = engine.folder / "results.json"
    for installed, command in (
        (engine, ("infer", video, "--model", model_folder, "--infer-fps", "1", "--output", results)),
        (local, ("report", results, video, "-o", "report.html")),
        (local, ("annotate", results, video, "-o", "annotated.mp4")),
        (local, ("export", results, video, "-o", "dataset")),
    ):
        done = installed.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    assert list(json.loads(results.read_bytes())) == ["frame_offset", "time_offset", "hands"]
    assert {"report.html", "annotated.mp4", "dataset"} <= {path.name for path in local.folder.iterdir()}


@pytest.mark.parametrize(("command", "extra"), [("demo", "local"), ("verify", "")])
def test_a_command_says_that_it_needs_the_repository(install: Install, command: str, extra: str) -> None:
    done = install(extra).run(command)

    assert done.returncode == 1
    assert f"videoinfer {command} runs only from the project's repository" in " ".join(done.stderr.split())
