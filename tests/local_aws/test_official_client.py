"""Roboflow's own client against the engine; `python -m tests.local_aws.official_client` prints the checked session."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local_aws.official_client import (
    CLIENT,
    MISTAKES,
    RESULTS,
    Terminal,
    open_terminal,
    run_command_line,
    run_script,
)
from tests.local_aws.pipelines import API_KEY
from videoinfer.local.deployments import Engine
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.model_packages import LocalModel

pytestmark = pytest.mark.skipif(
    not (CLIENT / "ready").exists(), reason="the client is not installed: make .venv-client/ready"
)


@pytest.fixture(scope="module")
def terminal(aws: EmbeddedAws, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with open_terminal(aws, engine, tmp_path_factory.mktemp("terminal")) as terminal:
        yield terminal


def check_results(results: dict[str, Any], model: LocalModel) -> None:
    assert list(results) == ["frame_offset", "time_offset", model.model_id]
    assert len(results["frame_offset"]) == len(results[model.model_id]) > 10
    assert any(element["predictions"] for element in results[model.model_id])


def test_a_script_of_the_official_client_gets_results(terminal: Terminal, model: LocalModel) -> None:
    run = run_script(terminal, model)
    assert run.status == 0, run.shown
    assert "the video's address works for 3600 s" in run.printed
    check_results(json.loads((terminal.folder / RESULTS).read_text()), model)


def test_the_official_command_line_runs_a_job(terminal: Terminal, model: LocalModel) -> None:
    *_, ended = run_command_line(terminal, model)
    state = json.loads(ended.printed)
    assert state["status"] == 0
    check_results(requests.get(state["output_signed_url"], timeout=60).json(), model)
    assert "?…" in ended.shown
    assert "Signature=" in ended.printed
    assert "Signature=" not in ended.shown


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("key", "This api_key is not known here"),
        ("job", "Video job 'a-job' not found"),
        ("project", "not found"),
    ],
)
def test_the_official_client_shows_the_engine_s_errors(mistake: str, said: str, terminal: Terminal) -> None:
    run = terminal.run(MISTAKES[mistake])
    assert run.status
    assert said in run.printed


def test_the_printed_session_contains_no_key(tmp_path: Path) -> None:
    run = Terminal(tmp_path, "http://127.0.0.1:9").run("echo Error: http://127.0.0.1:9/?api_key=$ROBOFLOW_API_KEY")
    assert API_KEY in run.printed
    assert API_KEY not in run.shown + repr(run)
    assert API_KEY not in Terminal(tmp_path, "http://127.0.0.1:9").run("echo $ROBOFLOW_API_KEY").shown
