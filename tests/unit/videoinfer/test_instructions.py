import subprocess
from pathlib import Path
from typing import cast

import pytest

from videoinfer.api_front import ApiFront
from videoinfer.deployments import Engine, Pipeline
from videoinfer.embedded_aws import EmbeddedAws
from videoinfer.instructions import compose_instructions
from videoinfer.model_packages import ModelPackage
from videoinfer.system import System


class RunningAws:
    endpoint_url = "http://127.0.0.1:4566"
    folder = Path("/tmp/videoinfer-1")
    log = folder / "ministack.log"

    class process:  # noqa: N801
        pid = 4711


class RunningFront:
    url = "http://127.0.0.1:4567"

    class process:  # noqa: N801
        pid = 4712


@pytest.fixture
def instructions() -> str:
    system = System(
        cast(EmbeddedAws, RunningAws),
        Engine("http://127.0.0.1:4566/_aws/execute-api/a1/$default", "the-key", "models", "arn:engine"),
        Pipeline("uploads", "results", "arn:topic", "jobs", "arn:machine", "queue", "dead", "share"),
        "notices",
    )
    model = ModelPackage(Path("hands/4"), "hands", "4", "object-detection")
    return compose_instructions(
        system, cast(ApiFront, RunningFront), model, Path("/videos/it's mine.mkv"), infer_fps=2.5
    )


def test_they_can_be_pasted_into_a_shell(instructions: str) -> None:
    commands = instructions.partition("\n\n")[2]

    subprocess.run(["/bin/bash", "-n"], input=commands, text=True, check=True)


def test_they_name_every_call_of_the_api(instructions: str) -> None:
    for call in ('POST "$API/video_upload_signed_url/', 'POST "$API/videoinfer/', '"$API/videoinfer/?api_key'):
        assert call in instructions
    assert "API='http://127.0.0.1:4566/_aws/execute-api/a1/$default' API_KEY='the-key'" in instructions
    assert '"infer_fps": 2.5' in instructions


def test_they_name_the_official_client(instructions: str) -> None:
    assert "export API_URL=http://127.0.0.1:4567 ROBOFLOW_API_KEY='the-key'" in instructions
    assert "roboflow video infer -p hands -v 4 -f" in instructions


def test_they_say_how_to_stop(instructions: str) -> None:
    assert "kill -KILL -- -4711 -4712; rm -r /tmp/videoinfer-1" in instructions


def test_no_placeholder_is_left(instructions: str) -> None:
    assert "$endpoint_url" not in instructions
    assert "another.mkv" in instructions
