"""The AWS CLI's commands in the documents, run with boto3, whose models of AWS's services are the CLI's own.

The CLI itself is not installed: it pins another botocore than the tests'.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any, Self

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.session import Session
from botocore.validate import validate_parameters

from videoinfer.repository import ROOT


@dataclass(frozen=True)
class AwsCommand:
    """`aws SERVICE OPERATION --option value …`, or `aws SERVICE wait STATE …`.

    Attributes:
        operation: Its name in boto3; of a waiter, that of the state.
        query: What of the answer is printed.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    is_waiter: bool = False
    query: str = "@"

    @classmethod
    def parse(cls, command: str, folder: Path = ROOT) -> Self:
        """Reads a command. It finds the files that `file://` names in `folder`, or else in the repository."""
        program, service, operation, *words = shlex.split(command, comments=True)
        assert program == "aws"
        is_waiter = operation == "wait"
        if is_waiter:
            operation = words.pop(0)
        given = {option.removeprefix("--"): value for option, value in batched(words, 2, strict=True)}
        given.pop("output", None)
        query = given.pop("query", "@")
        parameters = json.loads(given.pop("cli-input-json", "{}"))
        service = {"s3api": "s3"}.get(service, service)
        names = {} if is_waiter else _list_options(service, operation)
        for name, value in given.items():
            parameters[names.get(name, _to_camel(name))] = _read(value, folder)
        return cls(service, operation.replace("-", "_"), parameters, is_waiter, query)

    def run(self, make_client: Callable[[str], Any]) -> Any:
        """Runs it with boto3's client of its service, and returns what the CLI would print."""
        client = make_client(self.service)
        if self.is_waiter:  # the CLI waits up to half a minute between two looks
            return client.get_waiter(self.operation).wait(**self.parameters, WaiterConfig={"Delay": 1})
        call = getattr(client, self.operation)
        return jmespath.search(self.query, call(**self.parameters))

    def check(self) -> None:
        """Raises ParamValidationError if AWS's model has no such option, or not with such a value."""
        validate_parameters(self.parameters, _find_input(self.service, self.operation.replace("_", "-")))


def _list_options(service: str, operation: str) -> Mapping[str, str]:
    """The parameters of an operation by the CLI's spelling."""
    return {xform_name(name, "-"): name for name in _find_input(service, operation).members}


def _find_input(service: str, operation: str) -> Any:
    return Session().get_service_model(service).operation_model(_to_camel(operation)).input_shape


def _to_camel(name: str) -> str:
    return "".join(map(str.capitalize, name.split("-")))


def _read(value: str, folder: Path) -> Any:
    if value.startswith("file://"):
        path = value.removeprefix("file://")
        value = next(file for file in (folder / path, ROOT / path) if file.exists()).read_text()
    if shorthand := re.fullmatch(r"(\w+)=(true|false)", value):
        return {shorthand[1]: json.loads(shorthand[2])}
    return json.loads(value) if value.lstrip().startswith(("[", "{")) else value
