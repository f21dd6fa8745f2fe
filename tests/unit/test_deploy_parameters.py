"""How the documentation says to set the stack's parameters, read by SAM itself.

`sam deploy --guided` writes its answers to `samconfig.toml`, and each later `sam deploy` sends what is written there.
"""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.templates import ROOT, read_expanded_templates
from videoinfer.repository import SAM, require_tool

TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "videoinfer").glob("*.py"))]
SAVED = re.compile(r"^(?:# )?(parameter_overrides = .+)$", re.MULTILINE)

SAM_PROCESS = """
import inspect, json, os, sys
from pathlib import Path
from unittest.mock import patch
from click.testing import CliRunner
from samcli.commands.deploy.command import cli, do_cli
from samcli.commands.deploy.guided_config import GuidedConfig
from samcli.lib.config.samconfig import SamConfig

def deploy(*arguments):
    with patch("samcli.commands.deploy.command.do_cli") as deploy:
        done = CliRunner().invoke(cli, ["--template-file", "template.yaml", *arguments])
        assert done.exit_code == 0, done.output
    call = inspect.signature(do_cli).bind(*deploy.call_args.args, **deploy.call_args.kwargs)
    return call.arguments["parameter_overrides"]

def save(values):
    config = SamConfig(Path.cwd(), "samconfig.toml")
    saver = GuidedConfig("template.yaml", "parameters")
    saver._save_parameter_overrides(["deploy"], "default", values, config)
    config.flush()

for line in sys.stdin:
    folder, action, *arguments = json.loads(line)
    os.chdir(folder)
    answer = {"deploy": deploy, "save": save}[action](*arguments)
    print(json.dumps(answer), file=sys.__stdout__, flush=True)
"""
"""Does with SAM's modules what it is asked to. One process does all, because SAM takes two seconds to import."""

QUIET = {**os.environ, "SAM_CLI_TELEMETRY": "0"}


@cache
def read_parameters() -> Mapping[str, Any]:
    parameters: Mapping[str, Any] = read_expanded_templates()["pipeline"]["Parameters"]
    return parameters


@dataclass(frozen=True)
class Sam:
    """A process that does what the SAM CLI does, where `samconfig.toml` is in `folder`."""

    process: subprocess.Popen[str]
    folder: Path

    def deploy(self, *arguments: str) -> dict[str, str]:
        """The parameters that `sam deploy` sends. CloudFormation keeps the values of the others."""
        (self.folder / "template.yaml").write_text("Resources: {}\n")
        sent: dict[str, str] = self._ask("deploy", *arguments)
        return sent

    def answer(self, **answers: str) -> None:
        """Saves answers to the questions of `sam deploy --guided`."""
        config = 'version = 0.1\n[default.deploy.parameters]\nstack_name = "videoinfer"\n'
        (self.folder / "samconfig.toml").write_text(config)
        hidden = {name for name, it in read_parameters().items() if it.get("NoEcho")}
        self._ask("save", {name: {"Value": value, "Hidden": name in hidden} for name, value in answers.items()})

    def _ask(self, action: str, *arguments: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([str(self.folder), action, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "The process has ended."
        return json.loads(line)


@pytest.fixture(scope="module")
def sam_process() -> Iterator[subprocess.Popen[str]]:
    command = [str(require_tool(SAM).with_name("python")), "-c", SAM_PROCESS]
    with subprocess.Popen(command, env=QUIET, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.fixture
def sam(sam_process: subprocess.Popen[str], tmp_path: Path) -> Sam:
    return Sam(sam_process, tmp_path)


@cache
def read_documented_overrides() -> list[dict[str, str]]:
    """What the documented lines of `samconfig.toml` mean, by SAM's own parser."""
    parse = "import json, sys; from samcli.cli.types import CfnParameterOverridesType as Overrides; "
    parse += "print(json.dumps(Overrides().convert(tuple(json.loads(sys.argv[1])), None, None)))"
    python = str(require_tool(SAM).with_name("python"))

    def read(line: str) -> dict[str, str]:
        value = tomllib.loads(line)["parameter_overrides"]
        items = json.dumps(value if isinstance(value, list) else [value])
        done = subprocess.run([python, "-c", parse, items], capture_output=True, text=True, check=True)
        parsed: dict[str, str] = json.loads(done.stdout)
        return parsed

    return [read(line) for text in (*TEXTS, ROOT / "samconfig.toml") for line in SAVED.findall(text.read_text())]


@pytest.mark.slow
def test_sam_reads_every_documented_line_of_samconfig() -> None:
    documented = read_documented_overrides()
    parameters = {**read_expanded_templates()["engine"]["Parameters"], **read_parameters()}
    assert all(it.keys() <= parameters.keys() for it in documented)
    assert any("ExistingUploadsBucket" in it for it in documented)
    for overrides in documented:
        for name, value in overrides.items():
            example = {"BUCKET": "footage", "SECRET_ARN": ""}.get(value, value)
            assert re.fullmatch(parameters[name].get("AllowedPattern", ".*"), example), name


def find_command_line_parameters() -> Iterator[tuple[str, str]]:
    """The parameters that the documentation gives on SAM's command line, and where."""
    for path in TEXTS:
        for overrides in re.findall(r"sam deploy --parameter-overrides ([^`\n]+)", path.read_text()):
            for name in re.findall(r"(\w+)=", overrides):
                yield path.name, name


def test_only_the_key_is_given_on_the_command_line() -> None:
    """The next `sam deploy` sends the values in `samconfig.toml` again. The key is never written there."""
    given = list(find_command_line_parameters())
    assert given
    assert [it for it in given if it[1] != "ApiKey"] == []
    assert read_parameters()["ApiKey"]["NoEcho"]


@pytest.mark.slow
def test_what_the_command_line_sets_ends_with_the_next_deployment(sam: Sam) -> None:
    sam.answer(ApiKey="secret", ApiUrl="https://api.example.com", ExistingUploadsBucket="", UploadsPrefix="")
    saved = {"ApiUrl": "https://api.example.com", "ExistingUploadsBucket": "", "UploadsPrefix": ""}
    assert sam.deploy() == saved
    once = sam.deploy("--parameter-overrides", "ExistingUploadsBucket=footage")
    assert once == {"ExistingUploadsBucket": "footage"}
    assert sam.deploy() == saved


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers",
    [
        {"ExistingUploadsBucket": "footage", "UploadsPrefix": "cameras/line 3/"},
        {"DefaultModels": '[{"model_id":"bottles","model_version":"3","inference_type":"object-detection"}]'},
        {"PrefixRoutes": '{"": {"min_confidence": 0.4}, "it\'s/": {"classes": ["a b"]}}'},
    ],
)
def test_an_answer_stays(sam: Sam, answers: dict[str, str]) -> None:
    sam.answer(**answers)
    assert sam.deploy() == answers
