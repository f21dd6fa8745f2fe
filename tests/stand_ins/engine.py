"""The engine in this process: its real handlers and its real state machine's definition, with moto as AWS.

moto: https://docs.getmoto.org/.
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from tests.lambda_runtime import invoke
from tests.permissions import only_what_is_granted
from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.model_files import make_package
from tests.stand_ins.state_machine import ExecutionFailed, StateMachine
from tests.templates import read_definition
from videoengine import clients, inference
from videoengine.jobs import Job, JobsTable

FUNCTIONS = Path(__file__).parents[2] / "engine" / "functions"
API_KEY = "k-of-the-workspace"
MODEL_ID, MODEL_VERSION = "rock-paper-scissors-presentation", "4"
MODEL = {"model_id": MODEL_ID, "model_version": MODEL_VERSION, "inference_type": "object-detection"}
MAX_MODELS = 2
JSON = [("Content-Type", "application/json")]
VIDEOS_BUCKET, MODELS_BUCKET = "engine-videos", "engine-models"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
STATE_MACHINE = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}


@dataclass(frozen=True)
class EngineInProcess:
    """A running engine, and what tests do with it.

    Attributes:
        environment: Environment variables of every function.
        s3, stepfunctions, dynamodb: boto3 clients of moto.
        jobs: The jobs table.
    """

    environment: Mapping[str, str]
    s3: Any
    stepfunctions: Any
    dynamodb: Any
    jobs: JobsTable

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Sends a request to the API, and returns the answer's status code and JSON. A `body` that is no string is sent
        as JSON.
        """
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        sent = [*JSON, *(headers or {}).items()]
        answer = self.invoke("serve_api", make_event(method, path, list(query.items()), sent, text.encode()))
        assert answer["headers"]["Content-Type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a function's handler with only the permissions that its role grants.

        Args:
            function: The name of its folder.
        """
        app = load_app(function)
        with patch.dict(os.environ, self.environment), only_what_is_granted("engine", function):
            answer: dict[str, Any] = invoke(app.handler, event)
        return answer

    def create_job(self, input_url: str, infer_fps: float = 5, models: Any = (MODEL,)) -> str:
        """Creates a job through the API, and returns its job_id."""
        status, answer = self.request(
            "POST",
            "/videoinfer/",
            {"api_key": API_KEY},
            {"input_url": input_url, "infer_fps": infer_fps, "models": list(models)},
        )
        assert status == 200, answer
        job_id: str = answer["job_id"]
        return job_id

    @property
    def state_machine(self) -> StateMachine:
        """The engine's state machine with this environment."""
        return StateMachine(read_definition("engine"), self.invoke, self.dynamodb)

    def run_job(self, job_id: str) -> None:
        """Runs a job's whole execution, whether it succeeds or fails."""
        with suppress(ExecutionFailed):
            self.state_machine.run({"job_id": job_id})

    def fetch_video(self, job_id: str) -> dict[str, Any]:
        """Runs the first step, and returns the job as the later steps receive it."""
        job: dict[str, Any] = self.invoke("fetch_video", {"job_id": job_id})["job"]
        return job

    def finish(self, job_id: str) -> None:
        """Marks a job as done."""
        self.state_machine.run_state("Record Success", {"job_id": job_id, "merge": {"answer": {"cost_usd": "0.5"}}})

    def fail(self, job_id: str, error: str) -> None:
        """Marks a job as failed with an error."""
        failure = {"error": error, "cost_usd": "0.5"}
        self.state_machine.run_state("Record Failure", {"job_id": job_id, "failure": failure})

    def find_job(self, job_id: str) -> Job:
        """Reads a job's record, which must exist."""
        job = self.jobs.get(job_id)
        assert job
        return job

    def upload_video(self, content: bytes) -> str:
        """Puts a video where the API says, without HTTP, and returns the signed URL."""
        _, answer = self.request("POST", "/video_upload_signed_url", {"api_key": API_KEY}, {"file_name": "a b.mp4"})
        signed_url: str = answer["signed_url"]
        key = signed_url.partition("?")[0].partition(".amazonaws.com/")[2]
        self.s3.put_object(Bucket=VIDEOS_BUCKET, Key=key, Body=content)
        return signed_url

    def change_api_keys(self, keys: str) -> None:
        """Sets the parameter `ApiKeys`, and forgets the keys that are cached."""
        _secrets_manager().put_secret_value(SecretId=self.environment["API_KEYS_SECRET"], SecretString=keys)
        parameters.clear_caches()  # type: ignore[no-untyped-call]

    def put_model(self, package: Mapping[str, bytes], version: str = MODEL_VERSION, model_id: str = MODEL_ID) -> None:
        """Puts a model package's files into the models bucket."""
        for name, content in package.items():
            self.s3.put_object(Bucket=MODELS_BUCKET, Key=f"{model_id}/{version}/{name}", Body=content)

    def read_results(self, job_id: str) -> dict[str, Any]:
        """Reads a job's results file."""
        body = self.s3.get_object(Bucket=VIDEOS_BUCKET, Key=f"jobs/{job_id}/results.json")["Body"]
        results: dict[str, Any] = json.load(body)
        return results


def load_app(function: str) -> ModuleType:
    """Loads a function's `app.py` as a new module.

    Args:
        function: The name of its folder.
    """
    spec = spec_from_file_location(f"engine_{function}", FUNCTIONS / function / "app.py")
    assert spec
    assert spec.loader
    app = module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


@contextmanager
def run_engine(folder: Path) -> Iterator[EngineInProcess]:
    """Runs an engine with one model until the block ends.

    Args:
        folder: Stands for /tmp, in which Lambda keeps models between invocations.
    """
    with mock_aws(), patch.dict(os.environ, ACCOUNT), patch.object(inference, "MODELS_CACHE", folder):
        parameters.clear_caches()  # type: ignore[no-untyped-call]
        engine = _make_resources()
        engine.put_model(make_package())
        yield engine


@functools.cache
def _secrets_manager() -> Any:
    return boto3.client("secretsmanager")


def digest(api_key: str) -> str:
    """Returns the form in which the engine stores an API key."""
    return hashlib.sha256(api_key.encode()).hexdigest()


def _make_resources() -> EngineInProcess:
    s3, dynamodb, stepfunctions = clients.s3(), clients.dynamodb(), clients.stepfunctions()
    for bucket in (VIDEOS_BUCKET, MODELS_BUCKET):
        s3.create_bucket(Bucket=bucket)
    dynamodb.create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
    )
    _secrets_manager().create_secret(Name="engine/api-keys", SecretString=f"{digest('another')}, {digest(API_KEY)}")
    machine = stepfunctions.create_state_machine(
        name="inference-job", definition=json.dumps(STATE_MACHINE), roleArn="arn:aws:iam::123456789012:role/machine"
    )
    environment = {
        "ALLOWED_BUCKETS": "",
        "ALLOWED_RANGES": "",
        "API_KEYS_SECRET": "engine/api-keys",
        "DEADLINE_SECONDS": "86400",
        "INFER_SEGMENT_FUNCTION": "infer-segment",
        "JOBS_TABLE": "jobs",
        "MAX_FAILED_SHARE": "0.5",
        "MAX_CONCURRENCY": "50",
        "MAX_FRAME_PIXELS": "10000",
        "MAX_MODELS": str(MAX_MODELS),
        "MAX_VIDEO_GIGABYTES": "0.0001",
        "MAX_SAMPLED_FRAMES": "1000",
        "MAX_VIDEO_HOURS": "1",
        "MERGE_RESULTS_FUNCTION": "merge-results",
        "MODELS_BUCKET": MODELS_BUCKET,
        "PLAN_JOB_FUNCTION": "plan-job",
        "PRECISION": "f32",
        "POLL_SECONDS_MIN": "0",
        "RETENTION_DAYS": "7",
        "STATE_MACHINE_ARN": machine["stateMachineArn"],
        "STILL_FRAMES": "infer",
        "VIDEOS_BUCKET": VIDEOS_BUCKET,
    }
    return EngineInProcess(environment, s3, stepfunctions, dynamodb, JobsTable(dynamodb, "jobs"))
