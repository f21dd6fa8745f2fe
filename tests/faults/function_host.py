"""Runs the pipeline's functions, each invocation in a process of its own, and breaks its calls to AWS and to the API.

It runs on Lambda's Python version with the built layers. It loads the functions and their clients once; each
invocation is a fork, called by AWS's runtime client. A fault can kill the fork as a power failure would, without
running `finally` blocks or leaving `with` blocks. Faults happen at the lowest place in Python that a request passes,
below boto3's retries: `URLLib3Session.send` of botocore and `HTTPAdapter.send` of requests.

It reads invocations from stdin, one line of JSON each, and answers each with one line.
"""

import gc
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, NoReturn
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
import botocore.endpoint
import botocore.httpsession
import requests
import requests.adapters
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import ConnectionClosedError
from botocore.loaders import JSONFileLoader
from urllib3.response import HTTPResponse

from tests.lambda_runtime import invoke
from videojobs import connections
from videojobs.jobs import idempotency

FUNCTIONS = Path(__file__).parents[2] / "functions"

NAMES = ("create_job", "check_job", "deliver_results", "make_dataset", "record_media", "report_failure")

HURRY_SECONDS = 0.3

open_idempotency_table = cache(DynamoDBPersistenceLayer)

KILLED = 137

type Kind = Literal["kill before", "kill after", "refuse", "cut after", "hurry"]


@dataclass(frozen=True)
class WireFault:
    """What happens to some of an invocation's calls.

    Attributes:
        kind: What happens. "kill before": the process ends before the call. "kill after": the process ends after the
            call has taken effect. "refuse": the call is answered with `code` and has no effect. "cut after": the call
            takes effect, and the connection breaks before the answer. "hurry": the function waits only `HURRY_SECONDS`
            for the API, which is called at `address` if that is set.
        at: The number of the call, beginning with 0; None for any call whose name begins with `call`.
        call: How the call's name begins, such as "dynamodb:UpdateItem" or "api:POST videoinfer".
        after: How the name of a call begins that must come first.
        times: How many calls it happens to.
        code: The service's error code.
        status_code: The error's HTTP status.
        address: Host and port.
    """

    kind: Kind
    at: int | None = None
    call: str | None = None
    after: str = ""
    times: int = 1
    code: str = ""
    status_code: int = 400
    address: str = ""


@dataclass(frozen=True)
class Invocation:
    """One call of a function.

    Attributes:
        function: The name of its folder.
        event: Its event.
        environment: Its environment variables.
        faults: What happens to its calls.
        remaining_seconds: How long it may take.
    """

    function: str
    event: Any
    environment: Mapping[str, str]
    faults: Sequence[WireFault]
    remaining_seconds: float
    clock_seconds: float
    """How many seconds the function's clock is ahead."""


@dataclass
class Outcome:
    """The result of an invocation: `returned` or `raised` is set unless the process was `killed`.

    Attributes:
        calls: The names of the calls that it made.
        log: What it printed.
    """

    returned: Any = None
    raised: str | None = None
    killed: bool = False
    calls: list[str] = field(default_factory=list)
    log: str = ""


class Wire:
    """Counts and records this process's calls before they are made, and lets the faults happen.

    Args:
        faults: The faults of this invocation.
        record: Called with each call's name.
    """

    def __init__(self, faults: Sequence[WireFault], record: Callable[[str], None]) -> None:
        self._faults = [fault for fault in faults for _ in range(fault.times)]
        self._record = record
        self._operation = ""
        self._number = 0
        self._made: list[str] = []

    def install(self) -> None:
        """Intercepts the calls of boto3 and requests."""
        make_call, send = BaseClient._make_api_call, botocore.httpsession.URLLib3Session.send  # type: ignore[attr-defined]
        send_request = requests.adapters.HTTPAdapter.send

        def make(client: Any, operation: str, parameters: Any) -> Any:
            self._operation = f"{client.meta.service_model.service_name}:{operation}"
            return make_call(client, operation, parameters)

        def send_to_aws(session: Any, request: Any) -> Any:
            return self._pass(self._operation, lambda _: send(session, request), request.url)

        def send_to_api(adapter: Any, request: Any, *arguments: Any, **options: Any) -> Any:
            path = request.url.split("?")[0].split("/", 3)[3]
            call = "results" if path.startswith("results/") else path.strip("/")
            name = f"api:{request.method} {call}"

            def send(fault: WireFault | None) -> Any:
                if fault and fault.kind == "hurry":
                    options["timeout"] = HURRY_SECONDS
                    if fault.address:
                        request.url = urlsplit(request.url)._replace(netloc=fault.address).geturl()
                return send_request(adapter, request, *arguments, **options)

            return self._pass(name, send, request.url)

        patch.object(BaseClient, "_make_api_call", make).start()
        patch.object(botocore.httpsession.URLLib3Session, "send", send_to_aws).start()
        patch.object(requests.adapters.HTTPAdapter, "send", send_to_api).start()

    def _pass(self, call: str, send: Callable[[WireFault | None], Any], url: str) -> Any:
        fault = self._find_fault(call)
        self._number += 1
        self._made.append(call)
        if fault and fault.kind == "kill before":
            os._exit(KILLED)
        self._record(call)
        if fault and fault.kind == "refuse":
            return _refuse(call, fault, url)
        answer = send(fault)
        if fault and fault.kind == "kill after":
            os._exit(KILLED)
        if fault and fault.kind == "cut after":
            if call.startswith("api:"):
                raise requests.ConnectionError("Connection aborted.")
            raise ConnectionClosedError(endpoint_url=url)
        return answer

    def _find_fault(self, call: str) -> WireFault | None:
        for fault in self._faults:
            if not any(made.startswith(fault.after) for made in self._made) and fault.after:
                continue
            if fault.at == self._number if fault.at is not None else call.startswith(fault.call or ""):
                self._faults.remove(fault)
                return fault
        return None


def _refuse(call: str, fault: WireFault, url: str) -> Any:
    service = call.split(":")[0]
    if service in ("s3", "sns"):
        error = f"<Error><Code>{fault.code}</Code><Message>Not now.</Message></Error>"
        body = error if service == "s3" else f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"
    else:
        body = json.dumps({"__type": fault.code, "message": "Not now."})
    answer = AWSResponse(url, fault.status_code, {"x-amzn-requestid": "1"}, HTTPResponse())  # type: ignore[arg-type]
    answer._content = body.encode()  # type: ignore[attr-defined]
    return answer


def load_app(function: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{function}_app", FUNCTIONS / function / "app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that printed text is never read as an answer
    read_models_once()
    # boto3 retries without waiting.
    patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None)).start()
    patch.object(idempotency, "DynamoDBPersistenceLayer", open_idempotency_table).start()
    patch.object(boto3, "resource", cache(boto3.resource)).start()
    apps = {name: load_app(name) for name in NAMES}
    gc.disable()  # a collection would write to every page that the forks share, and so copy it
    for line in sys.stdin:
        asked = json.loads(line)
        asked["faults"] = [WireFault(**fault) for fault in asked["faults"]]
        invocation = Invocation(**asked)
        warm_up(invocation.environment)
        answers.write(json.dumps(asdict(run_in_fork(apps[invocation.function], invocation))) + "\n")
        answers.flush()


def warm_up(environment: Mapping[str, str]) -> None:
    """Creates the clients, which is slow and makes no call, so that every fork has them."""
    for connect in (connections.connect_s3, connections.connect_sqs, connections.connect_sfn):
        connect()
    if "JOBS_TABLE" in environment:
        connections.open_ends(environment["JOBS_TABLE"])
    if "NOTICES_TOPIC_ARN" in environment:
        connections.open_topic(environment["NOTICES_TOPIC_ARN"])
    if "PENDING_NOTICES_TABLE" in environment:
        connections.open_pending_notices(environment["PENDING_NOTICES_TABLE"])
    if "IDEMPOTENCY_TABLE" in environment:
        open_idempotency_table(environment["IDEMPOTENCY_TABLE"])
    if not DEFAULT_PROVIDERS:
        DEFAULT_PROVIDERS.update(secrets=SecretsProvider(), ssm=SSMProvider())


def read_models_once() -> None:
    """Caches boto3's service models, because each session would read them again and Powertools makes its
    own sessions.
    """
    read = cache(JSONFileLoader().load_file)
    patch.object(JSONFileLoader, "load_file", lambda _, path: read(path)).start()
    boto3.Session().client("dynamodb")


def run_in_fork(app: ModuleType, invocation: Invocation) -> Outcome:
    """Runs an invocation in a fork and returns its outcome."""
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile("w+") as log:
        if (pid := os.fork()) == 0:
            os.close(read_end)
            os.dup2(log.fileno(), 1)
            run_invocation(app, invocation, write_end)
        os.close(write_end)
        with os.fdopen(read_end) as lines:
            entries = [json.loads(line) for line in lines]
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        log.seek(0)
        outcome = Outcome(killed=status == KILLED, calls=[it["call"] for it in entries if "call" in it], log=log.read())
    assert status in (0, KILLED), f"{invocation.function} ended with {status}: {outcome.log}"
    for entry in entries:
        outcome.returned = entry.get("returned")
        outcome.raised = entry.get("raised")
    return outcome


def run_invocation(app: ModuleType, invocation: Invocation, pipe: int) -> NoReturn:
    """Runs in the fork: calls the handler, and writes each call that it makes and its outcome to the pipe."""

    def write(**entry: Any) -> None:
        os.write(pipe, f"{json.dumps(entry)}\n".encode())

    os.environ.update(invocation.environment)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    Wire(invocation.faults, lambda call: write(call=call)).install()
    if invocation.clock_seconds:
        shift_clock(app, timedelta(seconds=invocation.clock_seconds))
    try:
        write(returned=invoke(app.handler, invocation.event, seconds=invocation.remaining_seconds))
    except Exception as error:
        write(raised=f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    os._exit(0)


def shift_clock(app: ModuleType, ahead: timedelta) -> None:
    """Shifts the clock of the pipeline's own code. boto3's clock stays right, because it signs requests with it."""

    class ShiftedTime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    for module in [app, *(module for name, module in sys.modules.items() if name.startswith("videojobs."))]:
        if hasattr(module, "datetime"):
            patch.object(module, "datetime", ShiftedTime).start()


if __name__ == "__main__":
    main()
