"""Roboflow's own client against the engine; `python -m tests.local_aws.official_client` prints the checked session."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local_aws.official_client import (
    CLIENT,
    FORMS,
    MISTAKES,
    Form,
    Terminal,
    ask_types,
    open_terminal,
    run_command_line,
    run_script,
    write_script,
)
from tests.local_aws.pipelines import API_KEY
from tests.stand_ins.model_files import CLASS_NAMES, make_answer, write_package
from tests.stand_ins.random_models import make_packages_of_every_type
from videoengine.families import FAMILIES
from videoengine.model_packages import parse_package
from videoengine.projects import describe_training
from videoinfer.local.deployments import Engine, put_model
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.model_packages import LocalModel, read_model_package

pytestmark = pytest.mark.skipif(
    not (CLIENT / "ready").exists(), reason="the client is not installed: make .venv-client/ready"
)


@pytest.fixture(scope="module")
def terminal(
    aws: EmbeddedAws, engine: Engine, model: LocalModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    with open_terminal(aws, engine, tmp_path_factory.mktemp("terminal"), model) as terminal:
        yield terminal


def check_results(results: dict[str, Any], model: LocalModel) -> None:
    assert list(results) == ["frame_offset", "time_offset", model.model_id]
    assert len(results["frame_offset"]) == len(results[model.model_id]) > 10
    assert any(element["predictions"] for element in results[model.model_id])


@pytest.mark.parametrize("form", FORMS)
def test_the_documented_script_gets_results(form: Form, terminal: Terminal, model: LocalModel) -> None:
    run = run_script(terminal, form, may_be_deprecated=form == "model")
    assert run.status == 0, run.shown
    check_results(ast.literal_eval(run.printed.splitlines()[-1]), model)


@pytest.mark.parametrize("task_type", ["instance-segmentation", "keypoint-detection", "classification"])
def test_the_documented_script_runs_models_of_other_types(
    task_type: str, terminal: Terminal, aws: EmbeddedAws, engine: Engine, tmp_path: Path
) -> None:
    files = make_packages_of_every_type()[task_type]
    package = read_model_package(write_package(tmp_path / f"client-{task_type}" / "3", files))
    put_model(aws.clients, engine, package)
    (terminal.folder / f"{task_type}.py").write_text(write_script("models()[0]", package))
    run = terminal.run(f"python -W error::DeprecationWarning {task_type}.py")
    assert run.status == 0, run.shown
    results = ast.literal_eval(run.printed.splitlines()[-1])
    assert list(results) == ["frame_offset", "time_offset", package.model_id]
    assert None not in results[package.model_id]


def test_a_deprecated_script_fails(terminal: Terminal) -> None:
    run = run_script(terminal, "model")
    assert run.status == 1
    assert "DeprecationWarning: version.model is deprecated" in run.printed


def test_the_official_client_requests_each_model_with_its_inference_type(tmp_path: Path) -> None:
    keypoints = [{"object_class_id": class_id, "keypoints": {"0": "tip"}} for class_id in range(len(CLASS_NAMES))]
    packages = [
        parse_package(
            make_answer(architecture, task_type) | {"keypoints_metadata.json": json.dumps(keypoints).encode()}
        )
        for architecture, family in FAMILIES.items()
        for task_type in family.task_types
        if task_type != "embedding"  # this client runs no embeddings with a model of a version
    ]
    types = [describe_training("belt/3", package)["modelType"] for package in packages]
    asked = ask_types(Terminal(tmp_path, "http://127.0.0.1:9"), types)
    assert [(model["model_id"], model["inference_type"]) for [model] in asked] == [
        ("belt", package.task_type) for package in packages
    ]
    # Once this client sends all versions, the engine need not fill them in.
    assert {model["inference_type"] for [model] in asked if model["model_version"] is None} == {
        "classification",
        "keypoint-detection",
    }


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
