"""Runs a deployed stack's handlers in this process, under a role with the function's own policy minus one permission.

A warm deployed function keeps secrets and clients until a cold start. Here both are created for each call, and the
embedded AWS enforces the role as it does for deployed functions.
"""

import contextlib
import copy
import importlib.util
import io
import json
import os
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any
from unittest.mock import patch

import boto3
import requests
from aws_lambda_powertools.utilities import parameters
from botocore.exceptions import ClientError

from tests.lambda_runtime import invoke
from tests.permissions import as_list, list_functions, record_calls
from tests.templates import ROOT
from videoengine import clients as engine_clients
from videoengine.logs import logger as engine_logger
from videoinfer.local.embedded_aws import REGION, EmbeddedAws, local_session
from videojobs import connections as pipeline_connections
from videojobs.logs import logger as pipeline_logger

NOTHING, WORKS = "(nothing)", "works"

_FOLDERS = {"pipeline": ROOT / "functions", "engine": ROOT / "engine" / "functions"}
_ROLE = "permission-matrix"

type Row = tuple[str, str, str]
"""The function, the removed permission, and the result."""


@dataclass(frozen=True)
class Scenario:
    """One thing that a function does.

    Attributes:
        function: The name of the function's folder.
        prepare: Creates what it needs with full permissions, and returns the event. Called again for each trial.
        judge: Judges the function's module and answer: returns `WORKS`, or what is wrong.
        environment: Variables that replace the function's.
    """

    function: str
    prepare: Callable[[], Any]
    judge: Callable[[ModuleType, Any], str]
    environment: Mapping[str, str] = MappingProxyType({})


@contextlib.contextmanager
def silence_logs() -> Iterator[None]:
    """Hides the logs of intended failures until the block ends; later tests need logs."""
    levels = {logger: logger.log_level for logger in (pipeline_logger, engine_logger)}
    for logger in levels:
        logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


class RoleTrials:
    """Runs the functions of one deployed application under reduced roles.

    Args:
        application: `pipeline` or `engine`.
        stack: The stack's name.
        environment: Variables that replace the stack's.
    """

    def __init__(
        self, aws: EmbeddedAws, application: str, stack: str, environment: dict[str, str] | None = None
    ) -> None:
        self._aws, self._application, self._stack = aws, application, stack
        self._environment = environment or {}
        self._iam = local_session().client("iam", endpoint_url=aws.endpoint_url)
        self._sts = local_session().client("sts", endpoint_url=aws.endpoint_url)
        resources = aws.clients.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        self.names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        self._logical_ids = list_functions(application)

    def walk(self, scenarios: Sequence[Scenario]) -> Iterator[Row]:
        """Runs each function without each of its permissions, and yields the first scenario's result that is not
        `WORKS`.
        """
        for function in dict.fromkeys(scenario.function for scenario in scenarios):
            mine = [scenario for scenario in scenarios if scenario.function == function]
            yield from self._walk_function(function, mine)

    def _walk_function(self, function: str, scenarios: Sequence[Scenario]) -> Iterator[Row]:
        document = self._read_policy(function)
        needs = list[tuple[Scenario, set[str]]]()
        results = []
        for scenario in scenarios:
            result, called = self._try(scenario, document)
            results.append(result)
            needs.append((scenario, called))
        yield function, NOTHING, "; ".join(dict.fromkeys(results))
        for index, statement in enumerate(document["Statement"]):
            for action in as_list(statement["Action"]):
                lesser = _without(document, index, action)
                tried = (self._try(scenario, lesser)[0] for scenario, needed in needs if action in needed)
                result = next((result for result in tried if result != WORKS), WORKS)
                yield function, f"{action} on {self._describe(statement['Resource'])}", result

    def _try(self, scenario: Scenario, document: dict[str, Any]) -> tuple[str, set[str]]:
        """Tries a scenario under a role with that policy: returns the result, and the actions that it called."""
        event = scenario.prepare()
        app = _load_app(_FOLDERS[self._application] / scenario.function / "app.py")
        with self._as_role(scenario, document), silence_logs(), record_calls() as actions:
            try:
                answer = invoke(app.handler, event)
            except Exception as error:
                return describe_error(error), actions
            return scenario.judge(app, answer), actions

    @contextlib.contextmanager
    def _as_role(self, scenario: Scenario, document: dict[str, Any]) -> Iterator[None]:
        arn = self._make_role()
        self._iam.put_role_policy(RoleName=_ROLE, PolicyName="one", PolicyDocument=json.dumps(document))
        credentials = self._sts.assume_role(RoleArn=arn, RoleSessionName=scenario.function)["Credentials"]
        name = self.names[self._logical_ids[scenario.function]]
        configuration = self._aws.clients.lambda_.get_function_configuration(FunctionName=name)
        environment = {
            **configuration["Environment"]["Variables"],
            **self._environment,
            **scenario.environment,
            "AWS_ENDPOINT_URL": self._aws.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            "NO_PROXY": "127.0.0.1",
        }
        with patch.dict(os.environ, environment), contextlib.redirect_stdout(io.StringIO()):
            _forget()
            yield
        _forget()

    def _make_role(self) -> str:
        account = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
            "Action": "sts:AssumeRole",
        }
        trust = {"Version": "2012-10-17", "Statement": [account]}
        with contextlib.suppress(self._iam.exceptions.EntityAlreadyExistsException):
            self._iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        return str(self._iam.get_role(RoleName=_ROLE)["Role"]["Arn"])

    def _describe(self, resource: Any) -> str:
        """Replaces physical names by logical ids."""
        words = ", ".join(map(_name, as_list(resource)))
        for logical_id, name in sorted(self.names.items(), key=lambda names: len(names[1]), reverse=True):
            if name != self._stack:
                words = words.replace(_name(name), logical_id)
        return words.removeprefix("table/").removeprefix("secret:").removesuffix("-??????")

    def _read_policy(self, function: str) -> dict[str, Any]:
        """Combines the inline policies of the function's own role."""
        name = self.names[self._logical_ids[function]]
        role = self._aws.clients.lambda_.get_function_configuration(FunctionName=name)["Role"].split("/")[-1]
        statements = []
        for policy in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            parsed = json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document
            statements += parsed["Statement"]
        return {"Version": "2012-10-17", "Statement": statements}


def _name(arn: str) -> str:
    """The part of an ARN, a queue's URL or a name that names the resource."""
    return arn.rsplit("/", 1)[-1] if "://" in arn else arn.split(":", 5)[-1]


def describe_error(error: BaseException) -> str:
    """Describes the error: AWS's refusal, if it is among the causes."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ClientError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, ClientError):
        return f"{seen.response['Error']['Code']} when it calls {seen.operation_name}"
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def judge_url(url: str, method: str = "GET") -> str:
    """Checks that a signed URL works: returns `WORKS`, or the status code."""
    status = requests.request(method, url, data=b"video" if method == "PUT" else None, timeout=30).status_code
    return WORKS if status == requests.codes.ok else f"{status} at the URL that it signed"


def _without(document: dict[str, Any], index: int, action: str) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    statement = changed["Statement"][index]
    statement["Action"] = [it for it in as_list(statement["Action"]) if it != action]
    if not statement["Action"]:
        del changed["Statement"][index]
    return changed


def _forget() -> None:
    """Clears what a warm function keeps."""
    for module in (pipeline_connections, engine_clients):
        for kept in vars(module).values():
            if hasattr(kept, "cache_clear"):
                kept.cache_clear()
    parameters.clear_caches()  # type: ignore[no-untyped-call]
    parameters.base.DEFAULT_PROVIDERS.clear()  # type: ignore[attr-defined]
    boto3.DEFAULT_SESSION = None


def _load_app(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_tried", path)
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app
