"""Runs the AWS CLI's commands in the documents with boto3, whose models of AWS's services are the CLI's own.

The CLI itself is not installed: it pins another botocore than the tests'.
"""

import json
import shlex
from collections.abc import Callable
from itertools import batched
from pathlib import Path
from typing import Any

from videoinfer.repository import ROOT


def run_aws_command(command: str, make_client: Callable[[str], Any], folder: Path) -> Any:
    """Runs `aws SERVICE OPERATION --option value …`, or `aws SERVICE wait STATE …`, and returns AWS's answer.

    `--query` and `--output`, which only choose what is printed, are left out.

    Args:
        make_client: Returns boto3's client of a service.
        folder: Where `file://` looks first; then in the repository.

    Raises:
        ParamValidationError: AWS's model has no such option, or not with such a value.
    """
    program, service, operation, *words = shlex.split(command, comments=True)
    assert program == "aws"
    client = make_client({"s3api": "s3"}.get(service, service))
    if operation == "wait":
        run = client.get_waiter(words.pop(0).replace("-", "_")).wait
    else:
        run = getattr(client, operation.replace("-", "_"))
    given = {option.removeprefix("--"): value for option, value in batched(words, 2, strict=True)}
    # The services that these commands call spell their parameters in camel case.
    return run(
        **{
            "".join(map(str.capitalize, name.split("-"))): _read(value, folder)
            for name, value in given.items()
            if name not in ("query", "output")
        }
    )


def _read(value: str, folder: Path) -> Any:
    if value.startswith("file://"):
        path = value.removeprefix("file://")
        value = next(file for file in (folder / path, ROOT / path) if file.exists()).read_text()
    return json.loads(value) if value.lstrip().startswith(("[", "{")) else value
