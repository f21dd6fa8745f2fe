"""A function finds the same environment on the embedded AWS as on Lambda; a probe function looks around.

The expectations come from AWS's documentation: "Working with Lambda environment variables", "Lambda execution
environment", "Configure ephemeral storage", "Packaging your layer content".
"""

import errno
import importlib.util
import inspect
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from videoinfer.local.builds import PIPELINE
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.local.lambda_bootstraps import compose_bootstrap

TEMPORARY_MEGABYTES = 8
PACKAGES = ("arro3.core", "awslambdaric", "boto3", "msgspec", "pytest", "videojobs", "videojobs.jobs.costs")
IMPORTS = "import errno, importlib.util, os, shutil, sys\nfrom pathlib import Path\nfrom typing import Any"
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
}
VARIABLES = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_NAME": "probe",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/probe",
    "AWS_REGION": "us-east-1",
    "COLOR": "red",  # the function's own
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "LAMBDA_TASK_ROOT": "/var/task",
    "TZ": ":UTC",
    "_HANDLER": "app.handler",
}


def look_around(event: dict[str, Any], context: Any) -> Any:
    """The probe's code, which is deployed as text."""

    def write(path: str, megabytes: int = 0) -> str:
        try:
            with open(path, "wb") as file:  # noqa: PTH123
                file.writelines(bytes(1 << 20) for _ in range(megabytes))
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        finally:
            if Path(path).exists():
                Path(path).unlink()
        return "written"

    def locate(name: str) -> str | None:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return None
        return spec.origin.split(f"/{name.split('.')[0]}/")[0] if spec and spec.origin else None

    if "raise" in event:
        raise KeyError(event["raise"])
    return {
        "process": os.getpid(),
        "user": os.getuid(),
        "context": f"{type(context).__module__}.{type(context).__name__}",
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "variables": dict(os.environ),
        "working folder": str(Path.cwd()),
        "root": sorted(entry.name for entry in Path("/").iterdir()),
        "home": Path.home().exists(),
        "path": sys.path,
        "packages": {name: locate(name) for name in event["packages"]},
        "programs": [name for name in ("git", "ffmpeg", "sh", "strip") if shutil.which(name)],
        "written": {path: write(path) for path in ("/var/task/x", "/opt/x", "/var/runtime/x", "/x", "/tmp/x")},
        "filled": write("/tmp/x", event["megabytes"]),
    }


def _readable(name: str) -> zipfile.ZipInfo:
    """A file that Lambda's user, who is not its owner, may read."""
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o644 << 16
    return info


@pytest.fixture(scope="module")
def probe(aws: EmbeddedAws) -> Iterator[Callable[[Any], Any]]:
    """Invokes the probe: `probe(event)` returns its payload."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        layers = [PIPELINE.folder / "build" / name for name in ("VideoJobsLayer", "TablesLayer")]
        archive.writestr(_readable("bootstrap"), compose_bootstrap(TEMPORARY_MEGABYTES, layers))
        source = inspect.getsource(look_around).replace("look_around", "handler")
        archive.writestr(_readable("app.py"), f"{IMPORTS}\n\n{source}")
    client = aws.clients.lambda_
    iam = local_session().client("iam", endpoint_url=aws.endpoint_url)
    role = iam.create_role(RoleName="probe", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    client.create_function(
        FunctionName="probe",
        Runtime="provided.al2023",
        Handler="app.handler",
        Role=role,
        MemorySize=256,
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"COLOR": "red"}},
    )

    def invoke(event: Any) -> Any:
        return json.load(client.invoke(FunctionName="probe", Payload=json.dumps(event).encode())["Payload"])

    yield invoke
    client.delete_function(FunctionName="probe")
    iam.delete_role(RoleName="probe")


@pytest.fixture
def seen(probe: Callable[[Any], Any]) -> dict[str, Any]:
    seen: dict[str, Any] = probe({"megabytes": TEMPORARY_MEGABYTES + 1, "packages": PACKAGES})
    if seen["working folder"] != "/var/task":
        message = "This system lets no process have mounts of its own, so functions see all of it."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return seen


def test_the_context_is_the_runtime_client_s(seen: dict[str, Any]) -> None:
    assert seen["context"] == "awslambdaric.lambda_context.LambdaContext"
    assert seen["memory"] == "256"
    assert seen["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:probe"


def test_the_variables_are_lambdas_and_no_others(seen: dict[str, Any]) -> None:
    variables = seen["variables"]
    assert variables | VARIABLES == variables
    assert variables["PYTHONPATH"] == "/opt/python/lib/python3.13/site-packages:/opt/python:/var/runtime"
    others = {name for name in variables if not name.startswith(("AWS_", "LAMBDA_", "_"))}
    assert others - {"LC_CTYPE"} == {"COLOR", "HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ"}
    assert not [name for name in variables if name.startswith("LAMBDA_SANDBOX")]


def test_only_the_temporary_folder_can_be_written_to_and_is_as_large_as_the_template_says(seen: dict[str, Any]) -> None:
    assert seen["written"] == {
        "/var/task/x": "EROFS",
        "/opt/x": "EROFS",
        "/var/runtime/x": "EROFS",
        "/x": "EROFS",
        "/tmp/x": "written",
    }
    assert seen["filled"] == "ENOSPC"
    assert not seen["home"]


def test_nothing_of_this_machine_is_visible(seen: dict[str, Any]) -> None:
    assert seen["programs"] == []
    assert {"var", "opt", "tmp"} <= set(seen["root"])
    assert not {"home", "root", "srv", "work"} & set(seen["root"])
    assert not [folder for folder in seen["path"] if not folder.startswith(("/var/", "/opt/"))]
    assert seen["user"] == (993 if os.getuid() == 0 else 0)


def test_packages_come_only_from_the_layers_and_the_runtime(seen: dict[str, Any]) -> None:
    assert seen["packages"] == {
        "arro3.core": "/opt/python",
        "awslambdaric": "/var/runtime",
        "boto3": "/var/runtime",
        "msgspec": "/opt/python",
        "pytest": None,
        "videojobs": "/opt/python",
        "videojobs.jobs.costs": "/opt/python",
    }


def test_an_exception_arrives_with_its_class_and_the_process_lives_on(
    probe: Callable[[Any], Any], seen: dict[str, Any]
) -> None:
    error = probe({"raise": "no such thing"})
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'no such thing'")
    assert "/var/task/app.py" in "".join(error["stackTrace"])
    assert probe({"megabytes": 0, "packages": ()})["process"] == seen["process"]
