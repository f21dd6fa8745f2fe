"""Handlers of a deployed stack in this process, under a role that has the function's own policy less one permission.

A deployed function keeps secrets and clients while it is warm, and forgets them only by a cold start. Here both are
made anew for each call, and the embedded AWS enforces the role just as it does there.
"""

import contextlib
import copy
import importlib.util
import io
import json
import os
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
import requests
from aws_lambda_powertools.utilities import parameters
from botocore import loaders
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

_LOADER = loaders.create_loader()
_FOLDERS = {"pipeline": ROOT / "functions", "engine": ROOT / "engine" / "functions"}
_ROLE = "permission-matrix"

type Row = tuple[str, str, str]
"""Function, the permission that is taken away, and what came of it."""


@dataclass(frozen=True)
class Scenario:
    """One thing that a function does.

    Attributes:
        prepare: Makes what it needs with all rights, and returns the event. Called anew for each try.
        judge: What came of it, of the function's module and its answer: `WORKS`, or what is wrong.
    """

    function: str
    prepare: Callable[[], Any]
    judge: Callable[[ModuleType, Any], str]


@contextlib.contextmanager
def silence_logs() -> Iterator[None]:
    """Of the failures that are asked for here nobody wants to read; the tests after these do want logs."""
    levels = {logger: logger.log_level for logger in (pipeline_logger, engine_logger)}
    for logger in levels:
        logger.setLevel("CRITICAL")
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


class RoleTrials:
    """The functions of one deployed application under lesser roles.

    Args:
        application: `pipeline` or `engine`.
        environment: Variables that are not as the stack has them.
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
        """Each function without any of its permissions: the first thing that it then does not do as it should."""
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
        """What comes of it under a role with that policy, and the actions that are called for it."""
        event = scenario.prepare()
        app = _load_app(_FOLDERS[self._application] / scenario.function / "app.py")
        with self._as_role(scenario.function, document), silence_logs(), record_calls() as actions:
            try:
                answer = invoke(app.handler, event)
            except Exception as error:
                return describe_error(error), actions
            return scenario.judge(app, answer), actions

    @contextlib.contextmanager
    def _as_role(self, function: str, document: dict[str, Any]) -> Iterator[None]:
        arn = self._make_role()
        self._iam.put_role_policy(RoleName=_ROLE, PolicyName="one", PolicyDocument=json.dumps(document))
        credentials = self._sts.assume_role(RoleArn=arn, RoleSessionName=function)["Credentials"]
        name = self.names[self._logical_ids[function]]
        configuration = self._aws.clients.lambda_.get_function_configuration(FunctionName=name)
        environment = {
            **configuration["Environment"]["Variables"],
            **self._environment,
            "AWS_ENDPOINT_URL": self._aws.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            "NO_PROXY": "127.0.0.1",
        }
        with (
            patch.dict(os.environ, environment),
            contextlib.redirect_stdout(io.StringIO()),
            # Reading the services' descriptions takes longer than all that is asked of them.
            patch.object(loaders, "create_loader", return_value=_LOADER),
        ):
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
        """Resources by their names in the template."""
        words = ", ".join(map(_name, as_list(resource)))
        for logical_id, name in sorted(self.names.items(), key=lambda names: len(names[1]), reverse=True):
            if name != self._stack:
                words = words.replace(_name(name), logical_id)
        return words.removeprefix("table/").removeprefix("secret:").removesuffix("-??????")

    def _read_policy(self, function: str) -> dict[str, Any]:
        """The inline policies of the function's own role, as one."""
        name = self.names[self._logical_ids[function]]
        role = self._aws.clients.lambda_.get_function_configuration(FunctionName=name)["Role"].split("/")[-1]
        statements = []
        for policy in self._iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self._iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            parsed = json.loads(urllib.parse.unquote(document)) if isinstance(document, str) else document
            statements += parsed["Statement"]
        return {"Version": "2012-10-17", "Statement": statements}


def _name(arn: str) -> str:
    """What of an ARN, a queue's URL or a name is its own."""
    return arn.rsplit("/", 1)[-1] if "://" in arn else arn.split(":", 5)[-1]


def describe_error(error: BaseException) -> str:
    """What AWS refused, which may be behind what a library made of it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ClientError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, ClientError):
        return f"{seen.response['Error']['Code']} when it calls {seen.operation_name}"
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def judge_url(url: str, method: str = "GET") -> str:
    """Whether a signed URL does what it is for."""
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
    """What a warm function keeps."""
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
