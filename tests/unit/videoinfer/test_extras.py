"""The extras: what each command may import. tests/program/test_installed.py has what it says without its extra."""

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


def find_needed(command: str) -> set[str]:
    """The distributions of which a command needs one or the other."""
    return set().union(*find_distributions(FUNCTIONS[command]).values())


@pytest.mark.parametrize("command", FUNCTIONS)
def test_a_command_imports_nothing_that_its_extra_does_not_install(command: str) -> None:
    allowed = BASE | (EXTRAS[COMMAND_EXTRAS[command]] if command in COMMAND_EXTRAS else set())

    undeclared = {package for package, names in find_distributions(FUNCTIONS[command]).items() if not names & allowed}

    assert undeclared == set()


def test_nothing_is_installed_that_no_command_imports() -> None:
    without_extra = [command for command in FUNCTIONS if command not in COMMAND_EXTRAS]
    assert BASE - set().union(*map(find_needed, without_extra)) == set()
    for extra, requirements in EXTRAS.items():
        commands = [command for command, its_extra in COMMAND_EXTRAS.items() if its_extra == extra]
        assert requirements - set().union(*map(find_needed, commands)) == set()


def test_the_operating_commands_need_no_video_libraries() -> None:
    assert BASE.isdisjoint({"av", "numpy", "openvino", "pillow", "arro3-core"})


def test_a_module_of_its_own_that_is_missing_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), extras.loading("infer"):
        __import__("videoinfer.no_such_module")


@pytest.mark.parametrize("command", COMMAND_EXTRAS)
def test_the_help_lists_a_command_under_its_extra(command: str) -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout

    panel = shown.split(extras.name_panel(command))[1].split("╰")[0]
    assert command in [line.removeprefix("│ ").partition(" ")[0] for line in panel.splitlines()]
