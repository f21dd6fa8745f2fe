"""The version is `videojobs.__version__`; every copy must agree with it."""

import re
import tomllib
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from tests.templates import ROOT, TEMPLATES, read_template
from videoinfer.main import app
from videojobs import __version__

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
RELEASES = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", CHANGELOG, flags=re.MULTILINE)


def test_the_command_line_prints_the_version() -> None:
    shown = CliRunner().invoke(app, ["--version"])

    assert (shown.exit_code, shown.output) == (0, f"videoinfer {__version__}\n")


def test_the_package_has_the_version() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "videojobs.__version__"}
    assert settings["project"]["dynamic"] == ["version"]


@pytest.mark.parametrize("application", TEMPLATES)
def test_every_stack_has_the_version_as_an_output(application: str) -> None:
    # A template can't read Python, so this place repeats the version.
    assert read_template(application)["Outputs"]["Version"]["Value"] == __version__


def test_the_changelog_s_latest_release_is_the_version() -> None:
    newest, released = RELEASES[0]

    assert newest == __version__
    assert date.fromisoformat(released) <= datetime.now(UTC).date()


def test_the_changelog_keeps_its_format() -> None:
    # https://keepachangelog.com/en/1.1.0/: newest first, unreleased changes before all releases, and changes by kind.
    kinds = re.findall(r"^### (.+)$", CHANGELOG, flags=re.MULTILINE)

    assert re.findall(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)[0] == "[Unreleased]"
    assert [released for _, released in RELEASES] == sorted((it for _, it in RELEASES), reverse=True)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
