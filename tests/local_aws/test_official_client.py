"""Roboflow's own client, as it comes from PyPI, with nothing changed but the address in its environment."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.local_aws.pipelines import API_KEY
from videoinfer.api_front import start_api_front, stop_api_front
from videoinfer.deployments import Engine
from videoinfer.embedded_aws import EmbeddedAws
from videoinfer.model_packages import ModelPackage
from videoinfer.repository import ROOT, SAMPLE_VIDEO

CLIENT = ROOT / ".venv-client" / "bin"

pytestmark = pytest.mark.skipif(
    not (CLIENT.parent / "ready").exists(), reason="the client is not installed: make .venv-client/ready"
)

# What a person would write, but for the wait: the client sleeps a minute before each poll.
SCRIPT = """
import json, sys, time
from roboflow import Roboflow
project, version, video = sys.argv[1:]
model = Roboflow().workspace().project(project).version(version).model
job_id, signed_url, expires = model.predict_video(video, fps=5)
sleep = time.sleep
time.sleep = lambda seconds: sleep(seconds / 100)
results = model.poll_until_video_results(job_id)
print(json.dumps({"expires": expires, "results": results}))
"""


@pytest.fixture(scope="module")
def api_url(aws: EmbeddedAws, engine: Engine) -> Iterator[str]:
    """The engine's API without a path."""
    front = start_api_front(aws, engine.api_url)
    yield front.url
    stop_api_front(front)


@pytest.fixture
def environment(api_url: str, tmp_path: Path) -> dict[str, str]:
    """Of a person who has nothing but the address and the key."""
    return {
        "API_URL": api_url,
        "ROBOFLOW_API_KEY": API_KEY,
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
    }


def run(command: list[str | Path], environment: Mapping[str, str]) -> str:
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def check_results(results: dict[str, Any], model: ModelPackage) -> None:
    assert list(results) == ["frame_offset", "time_offset", model.model_id]
    assert len(results["frame_offset"]) == len(results[model.model_id]) > 10
    assert any(element["predictions"] for element in results[model.model_id])


def test_a_script(environment: dict[str, str], model: ModelPackage) -> None:
    command: list[str | Path] = [CLIENT / "python", "-c", SCRIPT, model.model_id, model.model_version, SAMPLE_VIDEO]
    printed = run(command, environment)
    ended = json.loads(printed.splitlines()[-1])
    assert ended["expires"] == "3600"
    check_results(ended["results"], model)


def test_the_command_line(environment: dict[str, str], model: ModelPackage, api_url: str) -> None:
    options = ["-p", model.model_id, "-v", model.model_version, "--fps", "5"]
    printed = run([CLIENT / "roboflow", "video", "infer", *options, "-f", SAMPLE_VIDEO], environment)
    [job_id] = re.findall(r"Job ID: (\S+)", printed)
    deadline = time.monotonic() + 60
    status = ""
    while status != "0" and time.monotonic() < deadline:
        printed = run([CLIENT / "roboflow", "video", "status", job_id], environment)
        [status] = re.findall(r"Status: +(\d+)", printed)
    assert status == "0", printed
    answer = requests.get(f"{api_url}/videoinfer", params={"api_key": API_KEY, "job_id": job_id}, timeout=60)
    check_results(requests.get(answer.json()["output_signed_url"], timeout=60).json(), model)


@pytest.mark.parametrize(
    ("changes", "arguments", "said"),
    [
        ({"ROBOFLOW_API_KEY": "not-the-key"}, ["status", "a-job"], "This api_key is not known here"),
        ({}, ["status", "a-job"], "Video job 'a-job' not found"),
        ({}, ["infer", "-p", "no-such-model", "-v", "1", "-f", "no-video"], "not found"),
    ],
    ids=["key", "job", "project"],
)
def test_what_it_says_when_something_is_wrong(
    changes: dict[str, str], arguments: list[str], said: str, environment: dict[str, str]
) -> None:
    command: list[str | Path] = [CLIENT / "roboflow", "video", *arguments]
    ended = subprocess.run(command, env=environment | changes, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode
    assert said in ended.stdout + ended.stderr
