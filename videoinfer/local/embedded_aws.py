"""The embedded AWS: MiniStack on a free port of this machine, with one temporary folder for everything it writes."""

import http
import http.client
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.session import Session as BotocoreSession

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.local import lambda_sandbox
from videoinfer.local.lambda_bootstraps import name_sandbox
from videoinfer.processes import (
    LOOPBACK,
    dismiss_guard,
    kill_group,
    start_group,
    start_guard,
    uninterrupted,
    wait_until_ready,
)
from videoinfer.repository import MINISTACK, require_tool

REGION = "us-east-1"
ACCESS_KEY_ID = SECRET_ACCESS_KEY = "test"  # noqa: S105  MiniStack's key for the root user

WAIT_SCALE = 0.01
"""Factor on the waits of state machines: a minute takes 0.6 s, so the pipeline polls 100 times as fast as on AWS."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedAws:
    """A running embedded AWS. `stop_embedded_aws` stops it."""

    endpoint_url: str
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]
    guard: subprocess.Popen[bytes]
    clients: AwsClients


def start_embedded_aws(*, wait_scale: float = WAIT_SCALE, host: str = LOOPBACK) -> EmbeddedAws:
    """Starts an embedded AWS and returns once it answers.

    Args:
        wait_scale: Factor on every wait of a state machine.
        host: The IPv4 address of this machine on which it listens.

    Raises:
        CommandError: MiniStack is not installed, `host` is not an IPv4 address of this machine, or MiniStack ended or
            did not answer in time; then the message has the end of its log.
    """
    ministack = require_tool(MINISTACK)
    port = find_free_port(host)
    endpoint_url = f"http://{host}:{port}"
    clients = AwsClients(local_session(), endpoint_url)
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="videoinfer-"))
        undo.callback(shutil.rmtree, folder)
        log = folder / "ministack.log"
        environment = _server_environment(folder, host, port, wait_scale)
        process = start_group([ministack], environment=environment, folder=folder, log=log)
        undo.callback(kill_group, process)
        guard = start_guard(process, folder)
        undo.callback(dismiss_guard, guard)
        wait_until_ready("The embedded AWS", lambda: _is_healthy(host, port), process, log)
        undo.pop_all()
    return EmbeddedAws(endpoint_url=endpoint_url, folder=folder, log=log, process=process, guard=guard, clients=clients)


def stop_embedded_aws(aws: EmbeddedAws) -> None:
    """Kills the embedded AWS with its Lambda workers, and removes its folder."""
    with uninterrupted():
        kill_group(aws.process)
        dismiss_guard(aws.guard)
        shutil.rmtree(aws.folder)


@contextmanager
def embedded_aws(*, wait_scale: float = WAIT_SCALE) -> Iterator[EmbeddedAws]:
    """Runs an embedded AWS during the block."""
    aws = start_embedded_aws(wait_scale=wait_scale)
    try:
        yield aws
    finally:
        stop_embedded_aws(aws)


def local_session() -> boto3.Session:
    """A session with the embedded AWS's key. It ignores the user's AWS profile, configuration files and proxies."""
    ignored: dict[str, tuple[str | None, str | list[str] | None, str | None, None]] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = BotocoreSession(session_vars=ignored)
    core.set_default_client_config(Config(proxies={}))
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=REGION,
        botocore_session=core,
    )


def tool_environment(aws: EmbeddedAws, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a tool, in which it can use the embedded AWS only, and not the user's own account."""
    return {
        **{name: value for name, value in environment.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": urlsplit(aws.endpoint_url).hostname or "",
        "SAM_CLI_TELEMETRY": "0",
    }


def _server_environment(folder: Path, host: str, port: int, wait_scale: float) -> dict[str, str]:
    # The functions' processes inherit these variables, so only PATH is taken from this process.
    for name in ("home", "tmp", "state", "root"):
        (folder / name).mkdir()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "state" / "s3"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": host,
        "MINISTACK_HOST": host,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "SFN_WAIT_SCALE": str(wait_scale),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # would listen on all addresses of the machine
        "DOCKER_HOST": f"unix://{folder}/no-docker",  # would look for containers to remove
        **name_sandbox(folder / "root"),
    }
    return {
        **environment,
        lambda_sandbox.SERVER_VARIABLES: ",".join(environment),
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",  # for the functions
    }


def find_free_port(host: str) -> int:
    """A port of `host` on which nothing listens.

    Raises:
        CommandError: `host` is not an IPv4 address of this machine. A name is refused because boto3 would send requests
            to `BUCKET.host`, which does not resolve.
    """
    try:
        ipaddress.IPv4Address(host)
    except ValueError as error:
        raise CommandError(f"{host!r} can't be used: give an IPv4 address, such as {LOOPBACK}.") from error
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise CommandError(f"{host} is not an address of this machine: `ip address` lists them.") from error
        port: int = probe.getsockname()[1]
    return port


def _is_healthy(host: str, port: int) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection(host, port, timeout=5)) as connection:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    return False
