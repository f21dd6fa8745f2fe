"""Extras: which packages each command may import. tests/program/test_installed.py tests commands
without their extra.
"""

import re
import tomllib

import pytest
from typer.testing import CliRunner

from tests.command_imports import find_distributions, list_commands
from tests.templates import ROOT
from videoinfer import extras
from videoinfer.extras import COMMAND_EXTRAS
from videoinfer.main import app

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BASE = set(PROJECT["dependencies"])
EXTRAS = {name: set(requirements) for name, requirements in PROJECT["optional-dependencies"].items()}

FUNCTIONS = dict(list_commands())
"""Commands, and the names of their functions."""


DATA = {"tzdata"}
"""Distributions without code to import: `zoneinfo` reads tzdata."""


def find_needed(command: str) -> set[str]:
    """The distributions that a command imports from."""
    return set().union(*find_distributions(FUNCTIONS[command]).values())


@pytest.mark.slow
@pytest.mark.parametrize("command", FUNCTIONS)
def test_a_command_imports_only_what_its_extra_installs(command: str) -> None:
    allowed = BASE | (EXTRAS[COMMAND_EXTRAS[command]] if command in COMMAND_EXTRAS else set())

    undeclared = {package for package, names in find_distributions(FUNCTIONS[command]).items() if not names & allowed}

    assert undeclared == set()


@pytest.mark.slow
def test_every_installed_distribution_is_imported_by_a_command() -> None:
    without_extra = [command for command in FUNCTIONS if command not in COMMAND_EXTRAS]
    assert BASE - set().union(*map(find_needed, without_extra)) == DATA
    for extra, requirements in EXTRAS.items():
        commands = [command for command, its_extra in COMMAND_EXTRAS.items() if its_extra == extra]
        assert requirements - set().union(*map(find_needed, commands)) == set()


def test_the_commands_for_operators_need_no_video_libraries() -> None:
    assert BASE.isdisjoint({"av", "numpy", "openvino", "pillow", "arro3-core"})


@pytest.mark.parametrize("document", ["README.md", "docs/operations.md"])
def test_the_documentation_names_the_extra_of_every_command(document: str) -> None:
    text = (ROOT / document).read_text()
    for extra in ("local", "engine"):
        [words] = re.findall(rf"((?:`\w+`(?:,| and)?\s)+)needs? (?:the extra )?`{extra}`", text)
        assert set(re.findall(r"\w+", words)) - {"and"} == {it for it, its in COMMAND_EXTRAS.items() if its == extra}


def test_a_missing_module_of_the_project_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), extras.loading("infer"):
        __import__("videoinfer.no_such_module")


@pytest.mark.parametrize("command", COMMAND_EXTRAS)
def test_the_help_lists_a_command_under_its_extra(command: str) -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout

    panel = shown.split(extras.name_panel(command))[1].split("╰")[0]
    assert command in [line.removeprefix("│ ").partition(" ")[0] for line in panel.splitlines()]
