"""A deployed pipeline, its API, and a terminal in which to run an operator's commands."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner, Result

from tests.local_aws.pipelines import API_KEY, DeployedPipeline, deploy
from tests.permissions import record_calls
from tests.stand_ins.video_inference_api import Answer, StandInApi, stand_in_api
from tests.waiting import wait_until
from videoinfer import job_waiting, redelivery
from videoinfer.local.embedded_aws import EmbeddedAws, tool_environment
from videoinfer.main import app
from videoinfer.upload_progress import UploadedVideo, find_job

STACK = "videoinfer"
FAILED = Answer({"status": 2, "error": "The GPU is on fire."})
RUNNING = Answer({"status": 1, "progress": 42})
LOOK_INTERVAL_SECONDS = 0.1
"""How often commands look at a job here, where it passes its states faster than on AWS."""


@dataclass(frozen=True)
class Stage:
    """A deployed pipeline, its API, and a terminal.

    Attributes:
        api: The API, whose answers tests set.
        environment: The terminal's environment variables.
        numbers: Numbers for job ids.
        actions: The permissions that each command has used.
    """

    pipeline: DeployedPipeline
    api: StandInApi
    environment: dict[str, str]
    numbers: Iterator[int]
    actions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def upload(self, key: str) -> UploadedVideo:
        """Uploads a video; the API will give its job a new id."""
        self.api.creation = Answer({"job_id": f"job-{next(self.numbers)}", "message": ""})
        return self.pipeline.upload(key, b"video")

    def run(self, *arguments: str) -> Result:
        """Runs `videoinfer` with these arguments on this stack."""
        environment = {**self.environment, "VIDEOINFER_STACK": self.pipeline.stack, "TERM": "dumb"}
        with (
            record_calls() as actions,
            patch.object(job_waiting, "LOOK_INTERVAL_SECONDS", LOOK_INTERVAL_SECONDS),
            patch.object(redelivery, "_LOOK_INTERVAL_SECONDS", LOOK_INTERVAL_SECONDS),
        ):
            result = CliRunner().invoke(app, list(arguments), env=environment, prog_name="videoinfer")
        self.actions[arguments[0]] |= actions
        return result

    def read(self, *arguments: str) -> Any:
        """Runs a command with `--json`, and returns its output as data."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def find(self, upload: UploadedVideo) -> dict[str, Any]:
        """The upload's item in the jobs table, or an empty dictionary."""
        return find_job(self.pipeline.clients, self.pipeline.pipeline.jobs_table, upload) or {}

    def wait_for_status(self, upload: UploadedVideo, status: str) -> dict[str, Any]:
        """Waits until the upload's job has a status, and returns its item."""
        wait_until(lambda: self.find(upload).get("status") == status)
        return self.find(upload)


@contextmanager
def set_stage(aws: EmbeddedAws, stack: str = STACK) -> Iterator[Stage]:
    """Deploys a pipeline with an API of its own, whose answers tests set later."""
    with stand_in_api() as api:
        pipeline = deploy(aws, stack, {"ApiUrl": api.url, "ApiKey": API_KEY})
        yield Stage(pipeline, api, tool_environment(aws, {}), count(1))


def fail_one(stage: Stage, key: str) -> tuple[UploadedVideo, dict[str, Any]]:
    """Uploads a video whose job fails; returns the upload and its item."""
    stage.api.statuses = [FAILED]
    upload = stage.upload(key)
    job = stage.pipeline.wait_for_job(upload)
    stage.api.statuses = [stage.api.done()]
    return upload, job
