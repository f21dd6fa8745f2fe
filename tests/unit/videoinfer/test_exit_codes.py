"""Every end of a command has an exit code, and the documentation lists all of them."""

import ast
import re
from pathlib import Path

import pytest

from tests.templates import ROOT
from videoinfer import processes
from videoinfer.exit_codes import ExitCode


def test_the_documentation_lists_every_exit_code() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().split("\n### Exit codes\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| (\d+) \| (\w+) \|", section, flags=re.MULTILINE)
    assert documented == [(str(int(code)), code.name) for code in ExitCode]


def test_every_signal_that_ends_a_command_has_a_code() -> None:
    codes = {128 + number for number in processes._INTERRUPTS}
    assert codes == {code for code in ExitCode if code > 128}


@pytest.mark.parametrize("path", sorted((ROOT / "videoinfer").rglob("*.py")), ids=lambda path: path.stem)
def test_no_command_has_a_code_of_its_own(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    exits = [call for call in calls if ast.unparse(call.func) in {"typer.Exit", "SystemExit"}]
    given = [value for call in exits for value in [*call.args, *(keyword.value for keyword in call.keywords)]]
    assert [ast.unparse(value) for value in given if "ExitCode" not in ast.unparse(value)] == []
