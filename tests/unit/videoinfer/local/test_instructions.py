"""The instructions of `demo --keep` can be pasted into a shell, whatever names they contain."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.pipeline_stacks import make_stack
from videoinfer.local.api_proxy import ApiProxy
from videoinfer.local.deployments import Engine
from videoinfer.local.embedded_aws import EmbeddedAws
from videoinfer.local.instructions import compose_instructions
from videoinfer.local.system import System
from videoinfer.model_packages import LocalModel
from videoinfer.own_command import spell_command

ODD_NAME = 'it\'s $HOME `mine` "1"'


class RunningAws:
    endpoint_url = "http://127.0.0.1:4566"
    folder = Path("/tmp/my files/videoinfer-1")
    log = folder / "ministack.log"

    class process:  # noqa: N801
        pid = 4711


class RunningProxy:
    url = "http://127.0.0.1:4567"

    class process:  # noqa: N801
        pid = 4712


@pytest.fixture
def instructions() -> str:
    system = System(
        cast(EmbeddedAws, RunningAws),
        Engine("http://127.0.0.1:4566/_aws/execute-api/a1/$default", "the-key", "models", "arn:engine"),
        make_stack(None),  # type: ignore[arg-type]
        "notices",
    )
    model = LocalModel(Path("hands/4"), ODD_NAME, "4", "object-detection")
    return compose_instructions(
        system, cast(ApiProxy, RunningProxy), model=model, video=Path(f"/videos/{ODD_NAME}.mkv"), infer_fps=2.5
    )


def paste(instructions: str, folder: Path) -> list[list[str]]:
    """Runs the pasted lines, and returns the programs that they start, with their arguments. The programs print only
    what the API would answer.
    """
    answer = json.dumps(dict.fromkeys(["signed_url", "job_id", "output_signed_url", "status"], "answered"))
    for name in ("curl", "aws", "roboflow", "kill", "rm"):
        program, calls = folder / name, shlex.quote(str(folder / "calls"))
        program.write_text(f"#!/bin/sh\nprintf '%s\\0' {name} \"$@\" >> {calls}; echo >> {calls}\necho {answer!r}\n")
        program.chmod(0o755)
    (folder / "python3").symlink_to(sys.executable)
    commands = instructions.partition("\n\n")[2].replace(spell_command("videoinfer"), "aws own")
    script = f"enable -n kill\n{commands}"  # otherwise bash would run its own kill
    environment = {**os.environ, "PATH": f"{folder}:{os.defpath}"}
    done = subprocess.run(
        ["/bin/bash", "-eu"], input=script, text=True, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\0")[:-1] for line in (folder / "calls").read_text().splitlines()]


def test_the_instructions_work_when_they_are_pasted(instructions: str, tmp_path: Path) -> None:
    calls = paste(instructions, tmp_path)

    video, api = f"/videos/{ODD_NAME}.mkv", "http://127.0.0.1:4566/_aws/execute-api/a1/$default"
    assert ["aws", "s3", "cp", video, "s3://uploads/another.mkv", "--metadata", "infer-fps=2"] in calls
    assert ["aws", "own", "jobs"] in calls
    assert any('{"QueueUrl": "notices", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5}' in call for call in calls)
    assert ["roboflow", "video", "infer", "-p", ODD_NAME, "-v", "4", "-f", video, "--fps", "2"] in calls
    assert calls[-2:] == [["kill", "-KILL", "--", "-4711", "-4712"], ["rm", "-r", "/tmp/my files/videoinfer-1"]]
    [created] = [call for call in calls if f"{api}/videoinfer/?api_key=the-key" in call]
    assert json.loads(created[created.index("-d") + 1]) == {
        "input_url": "answered",
        "infer_fps": 2.5,
        "models": [{"model_id": ODD_NAME, "model_version": "4", "inference_type": "object-detection"}],
    }
    assert any(f"{api}/videoinfer/?api_key=the-key&job_id=answered" in call for call in calls)
    assert any("--upload-file" in call and call[call.index("--upload-file") + 1] == video for call in calls)


def test_the_instructions_give_the_address_for_the_official_client(instructions: str) -> None:
    assert "export API_URL=http://127.0.0.1:4567 ROBOFLOW_API_KEY='the-key'" in instructions


def test_the_instructions_contain_no_placeholder(instructions: str) -> None:
    assert "$endpoint_url" not in instructions
    assert "another.mkv" in instructions
