"""What all commands have in common: help with an example, `-h`, completion, `--verbose`."""

import re
import shlex
from collections.abc import Iterator

import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from tests.command_imports import list_commands
from videoinfer import verbosity
from videoinfer.main import app

COMMANDS = sorted(name for name, _ in list_commands())
NARROW = {"COLUMNS": "80"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_the_command_takes(name: str) -> None:
    result = CliRunner(env=NARROW).invoke(app, [name, "-h"])
    assert result.exit_code == 0
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[name]
    found = re.search(rf"^Example: videoinfer {name}( .*|)$", command.help or "", flags=re.MULTILINE)
    assert found, command.help
    assert found[0] in re.sub(r"\s+", " ", result.output)
    command.make_context(name, shlex.split(found[1]))  # raises if the command does not take it


@pytest.mark.parametrize("name", COMMANDS)
def test_a_paragraph_of_help_has_no_line_breaks_of_its_own(name: str) -> None:
    """Only the terminal's width breaks lines."""
    output = CliRunner(env={"COLUMNS": "1000"}).invoke(app, [name, "-h"]).output
    text = output.partition("─")[0].strip()
    for paragraph in re.split(r"\n\s*\n", text):
        assert "\n" not in paragraph


@pytest.mark.parametrize("name", COMMANDS)
def test_arguments_are_named_as_in_the_documentation(name: str) -> None:
    """In capitals, once for several: typer adds the dots."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    arguments = [it for it in group.commands[name].params if isinstance(it, typer.core.TyperArgument)]
    names = "|".join(it.metavar or str(it.name) for it in arguments)
    assert re.fullmatch(r"(?:s3://)?[A-Z_/]+(?:\|(?:s3://)?[A-Z_/]+)*|", names), names


def test_commands_and_options_are_completed() -> None:
    def complete(line: str, word: int) -> list[str]:
        environment = {"_VIDEOINFER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(word)}
        return CliRunner(env=environment).invoke(app, [], prog_name="videoinfer").output.split()

    assert complete("videoinfer an", 1) == ["annotate"]
    assert complete("videoinfer infer --conf", 2) == ["--confidence"]
    assert complete("videoinfer infer bel", 2) == []  # the shell completes files itself


def test_an_unknown_command_or_option_is_an_error_of_use() -> None:
    result = CliRunner(env=NARROW).invoke(app, ["anotate"])
    assert result.exit_code == 2
    assert "Did you mean 'annotate'?" in re.sub(r"[\s│]+", " ", result.output)
    assert CliRunner().invoke(app, ["annotate", "--nothing"]).exit_code == 2


@pytest.fixture
def silent_again() -> Iterator[None]:
    """Each process runs one command; only these tests run more after it."""
    yield
    verbosity._LOGGER.handlers = []
    verbosity._LOGGER.setLevel("NOTSET")


@pytest.mark.usefixtures("silent_again")
@pytest.mark.parametrize(
    "arguments", [["report", "no.json", "a\x1b.mp4", "--verbose"], ["--verbose", "report", "a", "b"]]
)
def test_verbose_adds_the_traceback_of_an_error(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The file ")
    assert "in check_file" in result.stderr
    assert "\x1b" not in result.stderr


def test_without_verbose_an_error_is_one_line() -> None:
    assert CliRunner().invoke(app, ["report", "a", "b"]).stderr == "Error: The file b does not exist.\n"


@pytest.mark.usefixtures("silent_again")
def test_verbose_adds_the_requests_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        result = CliRunner().invoke(app, ["jobs", "--stack", "nothing", "--verbose"])

    assert "cloudformation DescribeStacks: 400 ValidationError, 0 retries, request " in result.stderr
    assert "testing" not in result.stderr
