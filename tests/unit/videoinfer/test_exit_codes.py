"""Every end of a command has an exit code, and the documentation lists all of them."""

import ast
import re
from pathlib import Path

import pytest

from tests.templates import ROOT
from videoinfer import processes
from videoinfer.exit_codes import ExitCode

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def test_the_documentation_lists_every_exit_code() -> None:
    section = OPERATIONS.split("\n### Exit codes\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| (\d+) \| (\w+) \|", section, flags=re.MULTILINE)
    assert documented == [(str(int(code)), code.name) for code in ExitCode]


def test_the_documentation_and_the_help_say_which_commands_find_problems() -> None:
    row = re.search(r"^\| 3 \| PROBLEMS \|.*$", OPERATIONS, flags=re.MULTILINE)
    assert row
    source = (ROOT / "videoinfer" / "stack_commands.py").read_text()
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    finding = {node.name: ast.get_docstring(node) for node in functions if "ExitCode.PROBLEMS" in ast.unparse(node)}
    assert {name.replace("_", "-") for name in finding} == set(re.findall(r"`([a-z-]+)`", row[0]))
    assert [name for name, text in finding.items() if "exit code is 3" not in " ".join((text or "").split())] == []


def test_every_signal_that_ends_a_command_has_a_code() -> None:
    codes = {128 + number for number in processes._INTERRUPTS}
    assert codes == {code for code in ExitCode if code > 128}


@pytest.mark.parametrize("path", sorted((ROOT / "videoinfer").rglob("*.py")), ids=lambda path: path.stem)
def test_no_command_has_a_code_of_its_own(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    exits = [call for call in calls if ast.unparse(call.func) in {"typer.Exit", "SystemExit"}]
    given = [value for call in exits for value in [*call.args, *(keyword.value for keyword in call.keywords)]]
    assert [ast.unparse(value) for value in given if "ExitCode" not in ast.unparse(value)] == []
