"""`python -m tests.local_aws.permission_matrix`: runs every function without each of its permissions in turn."""

import copy
import json
import sys
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from tests.local_aws.permission_scenarios import NOT_TRIED, walk_pipeline, walk_serve_api
from tests.local_aws.pipelines import deploy
from tests.local_aws.role_trials import NOTHING, WORKS, Row
from tests.permissions import as_list
from tests.service_models import share_service_models
from tests.stand_ins.video_inference_api import stand_in_api
from videoinfer.local.builds import ENGINE, PIPELINE, build
from videoinfer.local.deployments import Engine, deploy_engine, put_model
from videoinfer.local.embedded_aws import EmbeddedAws, embedded_aws, local_session
from videoinfer.model_packages import LocalModel, read_model_package
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO

STACK = "engine"

_RUNTIME = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}

_REFUSALS = (
    "AccessDenied",
    "AuthorizationError",
    "403",
    "500: The engine failed",
    "deleted, or access to it is denied",
    "There are no results",
)
"""Signs of a missing permission: AWS's refusals, the engine's answer to its callers after one, or the errors of a
function that can't list what it can't read.
"""

NOT_NEEDED = {
    # The video is the caller's own upload: it is not fetched, its URL is not stored, and it exists. It is short.
    "FetchVideoFunction": {
        "lambda:InvokeFunction",
        "dynamodb:UpdateItem",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListBucket",
        "s3:GetObjectVersion",
    },
    "PlanJobFunction": _RUNTIME,
    "InferSegmentFunction": _RUNTIME,
    "MergeResultsFunction": {"s3:AbortMultipartUpload"},
    # It lists the files of a dataset.
    "record_media": NOT_TRIED.keys() - {"s3:ListBucket on ResultsBucket"},
}
"""Permissions that this job does not need. Other jobs need them, or Lambda itself needs them to write logs, which the
embedded AWS always lets it do.
"""


@dataclass
class Matrix:
    """A deployed engine with one finished job, whose steps are run again."""

    aws: EmbeddedAws

    def __post_init__(self) -> None:
        session = local_session()
        self.iam = session.client("iam", endpoint_url=self.aws.endpoint_url)
        resources = self.aws.clients.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}

    def call(self, function: str, event: Any) -> str:
        """Calls a function; returns `works`, or the error."""
        answer = self.aws.clients.lambda_.invoke(FunctionName=self.names[function], Payload=json.dumps(event).encode())
        payload = json.load(answer["Payload"])
        if "FunctionError" in answer:
            return str(payload.get("errorMessage", payload)).partition(" operation:")[0]
        if payload.get("outcome") == "failed":
            return str(payload["reason"])
        return WORKS if payload.get("statusCode", 200) == 200 else f"{payload['statusCode']} {payload['body']}"

    def walk_policies(self, function: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yields each inline policy of the function's role: the role, the policy's name, and its document."""
        role = self.aws.clients.lambda_.get_function_configuration(FunctionName=self.names[function])["Role"]
        role = role.split("/")[-1]
        for policy in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            yield role, policy, json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document

    def try_without_each(self, function: str, event: Any) -> Iterator[tuple[str, str, str]]:
        """Yields the function, the removed action, and the result of a call without it."""
        yield function, NOTHING, self.call(function, event)
        for role, policy, document in self.walk_policies(function):
            actions = [action for statement in document["Statement"] for action in as_list(statement["Action"])]
            for action in dict.fromkeys(actions):
                self.iam.put_role_policy(
                    RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(_without(document, action))
                )
                yield function, action, self.call(function, event)
            self.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def _without(document: dict[str, Any], action: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    for statement in changed["Statement"]:
        statement["Action"] = [it for it in as_list(statement["Action"]) if it != action]
    changed["Statement"] = [statement for statement in changed["Statement"] if statement["Action"]]
    return changed


def walk_matrix(aws: EmbeddedAws, engine: Engine, model: LocalModel) -> Iterator[tuple[str, str, str]]:
    """Runs a job, then each of its steps again without each action: yields function, action and result."""
    matrix = Matrix(aws)
    job_id = _run_job(engine, model)
    fetched = aws.clients.lambda_.invoke(
        FunctionName=matrix.names["FetchVideoFunction"], Payload=json.dumps({"job_id": job_id}).encode()
    )
    job = json.load(fetched["Payload"])["job"]
    events = {
        "FetchVideoFunction": {"job_id": job_id},
        "PlanJobFunction": {"job": job},
        "InferSegmentFunction": {"job": job, "segment": 0, "execution": "EXPRESS"},
        "MergeResultsFunction": {"job": job, "segments": [0]},
    }
    for function, event in events.items():
        yield from matrix.try_without_each(function, event)


def find_surprises(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The rows whose result is not as expected."""
    return [row for row in rows if not _is_expected(*row)]


def _is_expected(function: str, action: str, result: str) -> bool:
    spared = NOT_NEEDED.get(function, NOT_TRIED)
    if action == NOTHING or action in spared or action.partition(" on ")[0] in spared:
        return result == WORKS
    return any(sign in result for sign in _REFUSALS)


def _run_job(engine: Engine, model: LocalModel) -> str:
    query, url = {"api_key": engine.api_key}, f"{engine.api_url}/videoinfer"
    asked = requests.post(
        f"{engine.api_url}/video_upload_signed_url", params=query, json={"file_name": "a.mp4"}, timeout=60
    )
    signed_url = asked.json()["signed_url"]
    requests.put(signed_url, data=SAMPLE_VIDEO.read_bytes(), timeout=60).raise_for_status()
    body = {"input_url": signed_url, "infer_fps": 1, "models": [model.as_api_model()]}
    job_id: str = requests.post(url, params=query, json=body, timeout=60).json()["job_id"]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = requests.get(url, params={**query, "job_id": job_id}, timeout=60).json()
        if answer["status"] != 1:
            assert answer["status"] == 0, answer
            return job_id
        time.sleep(0.2)
    raise AssertionError("The job has not come to an end")


def walk_all(aws: EmbeddedAws, engine: Engine, model: LocalModel) -> Iterator[Row]:
    """All rows: the engine's steps as deployed functions, its API and the pipeline's functions in this process."""
    yield from walk_matrix(aws, engine, model)
    yield from walk_serve_api(aws, STACK, engine, model)
    with stand_in_api() as api:
        pipeline = deploy(aws, "matrix", {"ApiUrl": api.url, "ApiKey": "key", "ApiRequestsPerMinute": "6000"})
        yield from walk_pipeline(aws, pipeline, api)


def main() -> None:
    model = read_model_package(SAMPLE_MODEL)
    rows = []
    with share_service_models(), embedded_aws() as aws:
        build([ENGINE, PIPELINE], aws)
        engine = deploy_engine(aws, name=STACK, api_key="key")
        put_model(aws.clients, engine, model)
        print("| function | without | result |\n|---|---|---|")  # noqa: T201
        for row in walk_all(aws, engine, model):
            print("| " + " | ".join(row) + " |", flush=True)  # noqa: T201
            rows.append(row)
    sys.exit(bool(find_surprises(rows)))


if __name__ == "__main__":
    main()
