"""The engine in one process, over simulated time: its real handlers and state machine, and an AWS of stand-ins.

Only the model's network is replaced: each picture's element says its checksum, and takes simulated time.
"""

import contextlib
import io
import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import uuid
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import moto.s3.models
import urllib3.util.retry
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError
from moto import mock_aws

from tests.lambda_runtime import describe_function, invoke
from tests.simulation.engine import storage
from tests.simulation.engine.machine import EngineExecution, EngineMachine, Mailbox, stop_worker
from tests.simulation.engine.server import SERVER_FAULTS, Pool, SimulatedTimer, VideoServer, resolve
from tests.simulation.engine.storage import MODELS, VIDEOS, make_error
from tests.simulation.engine.worker_calls import CALL_FAULTS, WARM_UP, call_function
from tests.simulation.executions import fail_task
from tests.simulation.faults import AWS_FAULTS, CLOCK_AHEAD_MAX, INVOCATION_FAULTS, Faults
from tests.simulation.timeline import Killed, Timeline, Worker
from tests.stand_ins.api_gateway import make_event
from tests.stand_ins.model_files import make_package
from tests.templates import ROOT, find_definition, find_resources
from videoengine import (
    api,
    clients,
    compiled_models,
    destinations,
    fetch_deadline,
    fetching,
    inference,
    metering,
    model_store,
    parallel_fetch,
    segments,
    shares,
    video_server,
    warming,
)
from videoengine.compiled_models import CompiledModels
from videoengine.costs import measure_invocation
from videoengine.logs import logger
from videoengine.metering import S3Meter
from videoengine.object_keys import results_key

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:inference-job"
MODEL_ID, MODEL_VERSION = "rock-paper-scissors-presentation", "4"
MODEL = {"model_id": MODEL_ID, "model_version": MODEL_VERSION, "inference_type": "object-detection"}
CREDENTIALS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
STEPS = ("fetch_video", "plan_job", "infer_segment", "merge_results")

MEMORY_MEGABYTES = 1769
IMPORT_SECONDS = 2.0

WARMING_SHARE = 0.35
"""In how many lives the videos count as long, so that functions are called early."""

WARMING_CALLS = frozenset(("fetch_video lambda:Invoke", "fetch_video s3:GetObject video"))
"""The calls that only warm functions. Their faults don't explain why a job failed, unless they kill the function."""

READ_FAULTS = (*AWS_FAULTS, "cut")
"""Of a call to S3 whose answer has a body: besides, the connection breaks off while it is read."""

RECORD_FAULTS = ("refused", "down", "lost", "repeated", "slow")
"""Of a write by the state machine itself, which nothing can kill. `slow`: it comes after the task's time is over."""

_ERRORS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "refused": {"s3": ("SlowDown", 503), "": ("ThrottlingException", 400)},
    "down": {"s3": ("InternalError", 500), "": ("InternalServerError", 500)},
}
_KINDS = {"segments": "segments", "parts": "parts", "results.json": "results"}


@dataclass
class Sandbox:
    """One warm environment of a function: its module, its disk, its compiled models, and its cache of secrets.

    Attributes:
        import_seconds: How long the imports took, until an invocation has counted them.
        unread_seconds: How long invocations took whose cost no outcome has told yet.
    """

    app: Any
    folder: Path
    compiled: CompiledModels = field(default_factory=CompiledModels)
    secret: tuple[float, str] = (0.0, "")
    import_seconds: float = IMPORT_SECONDS
    unread_seconds: float = 0.0
    is_busy: bool = False


class Invocation(Worker):
    """A running function."""

    number = 0
    function = ""
    job_id = ""
    sandbox: Sandbox
    answer: Any = None
    error: str | None = None

    def __init__(self, timeline: Timeline, act: Callable[[], None], name: str) -> None:
        super().__init__(timeline, act, name)
        self.meter = S3Meter()
        self.calls = list[tuple[float, str]]()


@dataclass(frozen=True)
class Change:
    """A write to a job's record.

    Attributes:
        by: The function, or the state of the state machine.
        results: The results as they were stored at that time.
    """

    at: float
    job_id: str
    before: str | None
    after: str | None
    by: str
    results: bytes | None


@dataclass(frozen=True)
class Request:
    """What a job was asked to do.

    Attributes:
        place: The URL of its video, or the key of an upload.
        key_digest: The digest of the key that made it.
    """

    place: str
    infer_fps: int
    key_digest: str


@dataclass(frozen=True)
class Answered:
    """The answer of a step: what it cost by itself, and at least by how long its worker took."""

    job_id: str
    function: str
    segment: int | None
    cost_usd: float
    least_usd: float


@dataclass(frozen=True)
class Ended:
    """The end of an invocation.

    Attributes:
        calls: When it called what of AWS.
        error: An error, or the reason of a failed job.
    """

    at: float
    job_id: str
    function: str
    calls: Sequence[tuple[float, str]]
    error: str | None


@dataclass
class Stack:
    """The engine, and all that it did.

    Attributes:
        limits: The numbers that the template has elsewhere.
        frame_seconds: How long the model takes for a frame.
        upload_part_bytes: Longer bodies are uploaded in parts of this size.
        keys: The secret with the digests of the API keys.
        requests: What each job was asked to do, by its id.
        answers: The answers of all steps.
        ended: The ends of all invocations.
        repeats: How many writes of a job's record may have been made more often than their answers say.
        stopped: Jobs whose execution was stopped or timed out.
        struck_jobs: How many faults struck each job, by the function or service.
    """

    order: random.Random
    timeline: Timeline
    faults: Faults
    limits: Mapping[str, int]
    frame_seconds: float
    folder: Path
    upload_part_bytes: int = 2**20
    keys: str = ""
    server: VideoServer = field(init=False)
    executions: dict[str, EngineExecution] = field(default_factory=dict)
    children: list[EngineExecution] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    requests: dict[str, Request] = field(default_factory=dict)
    answers: list[Answered] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)
    stopped: set[str] = field(default_factory=set)
    struck_jobs: Counter[tuple[str, str]] = field(default_factory=Counter)
    sandboxes: dict[str, list[Sandbox]] = field(default_factory=lambda: defaultdict(list))
    story: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    invocations: int = 0
    begin: float = 0.0

    def __post_init__(self) -> None:
        self.begin = self.timeline.now
        self.server = VideoServer(self.timeline, self.order)

    def strike(self, kinds: Sequence[str], job_id: str, name: str, call: str) -> str:
        """Chooses the fault that strikes a call; none is ""."""
        fault = self.faults.choose(kinds, name, call, self.timeline.now)
        if fault:
            self.struck_jobs[job_id, name] += f"{name} {call}" not in WARMING_CALLS or fault.startswith("killed")
            self.tell(f"{name} for {job_id[:8]}: {call} {fault}")
        return fault

    # Lambda

    def start(
        self, function: str, event: Any, job_id: str, finish: Callable[[Invocation], None], hangs: float = 0.0
    ) -> None:
        """Starts a function, which hangs some seconds first. `finish` is called at its end, whatever that is."""
        sandbox = next((it for it in self.sandboxes[function] if not it.is_busy), None)
        if sandbox is None or self.order.random() < 0.05:
            self.invocations += 1
            sandbox = Sandbox(load_app(function), self.folder / f"{function}-{self.invocations}")
            self.sandboxes[function].append(sandbox)
        sandbox.is_busy = True
        seconds = find_timeout(function)

        def act() -> None:
            invocation.deadline = self.timeline.now + seconds
            try:
                invocation.pause(hangs)
                begun = self.timeline.now
                invocation.answer = invoke(sandbox.app.handler, event, seconds=seconds)
            except Killed as killed:
                invocation.error = "Sandbox.Timedout" if str(killed) == "timed out" else "Runtime.ExitError"
            except Exception as error:
                invocation.error = f"{type(error).__name__}: {error}"
            sandbox.is_busy = False
            if invocation.error and invocation.error.startswith(("Sandbox", "Runtime")):
                self.sandboxes[function].remove(sandbox)
            else:
                self._note_answer(invocation, event, self.timeline.now - begun)
            reason = invocation.error or invocation.answer.get("reason")
            self.ended.append(Ended(self.timeline.now, job_id, invocation.function, invocation.calls, reason))
            self.tell(f"{invocation.name} {invocation.error or _summarize(invocation.answer)}")
            self.timeline.after(0, lambda: finish(invocation))

        self.invocations += 1
        is_warming = "busy_until" in event
        name = f"{WARM_UP if is_warming else function}#{self.invocations}"
        invocation = Invocation(self.timeline, act, name)
        invocation.number, invocation.sandbox = self.invocations, sandbox
        invocation.function = WARM_UP if is_warming else function
        invocation.job_id = job_id
        invocation.clock_ahead = self.order.uniform(-CLOCK_AHEAD_MAX, CLOCK_AHEAD_MAX)
        segment = f" segment {event['segment']}" if invocation.function == "infer_segment" else ""
        self.tell(f"{name} begins{f' for {job_id[:8]}' if job_id else ''}{segment}")
        invocation.resume_at(self.timeline.now + self.order.uniform(0.01, 1.0))

    def _note_answer(self, invocation: Invocation, event: Any, seconds: float) -> None:
        sandbox, function = invocation.sandbox, invocation.function
        seconds += sandbox.import_seconds
        sandbox.import_seconds = 0.0
        if invocation.error:
            return
        sandbox.unread_seconds += seconds
        if function in STEPS:
            cost = float(invocation.answer["cost_usd"]) - float(event.get("spent_usd", 0))
            least = measure_invocation(sandbox.unread_seconds, MEMORY_MEGABYTES).usd
            self.answers.append(Answered(invocation.job_id, function, event.get("segment"), cost, least))
            sandbox.unread_seconds = 0.0

    def run_task(self, execution: EngineExecution, function: str, event: Any, seconds: float) -> Any:
        """Calls a function for an execution, and waits for its answer. Raises TaskFailed."""
        fault = self.strike(INVOCATION_FAULTS, execution.job_id, function, "invoke")
        if fault in ("throttled", "service error"):
            self.timeline.sleep(0.1)
            name = "Lambda.TooManyRequestsException" if fault == "throttled" else "Lambda.ServiceException"
            raise fail_task(name, "")
        box = Mailbox(self.timeline)
        self.start(function, event, execution.job_id, box.put, self.draw_hang(fault))
        if fault == "caller gone":
            box.close()
            self.timeline.sleep(self.order.choice((0.5, 5.0, 60.0)))
            raise fail_task("Lambda.SdkClientException", "Unable to execute HTTP request")
        try:
            ended = box.take(seconds)
        finally:
            box.close()
        if ended is None:
            raise fail_task("States.Timeout", "")
        if ended.error:
            name, _, message = ended.error.partition(": ")
            raise fail_task(name, json.dumps({"errorMessage": message, "errorType": name}))
        return ended.answer

    def draw_hang(self, fault: str) -> float:
        """Draws how long an invocation hangs that times out, for its caller or at all."""
        return self.order.choice((29.0, 220.0, 400.0, 10_000.0)) if fault == "timed out" else 0.0

    def request(
        self,
        api_key: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Sends a request to the API. Returns the status code, 0 if there is no answer, and the answer's JSON."""
        fault = self.strike(INVOCATION_FAULTS, "", "serve_api", "invoke")
        if fault in ("throttled", "service error"):
            self.timeline.sleep(0.1)
            return (429 if fault == "throttled" else 503), {"message": "Service Unavailable"}
        content = b"" if body is None else json.dumps(body).encode()
        sent = [("Content-Type", "application/json"), *(headers or {}).items()]
        event = make_event(method, path, [("api_key", api_key), *(query or {}).items()], sent, content)
        box = Mailbox(self.timeline)
        self.start("serve_api", event, (query or {}).get("job_id", ""), box.put, self.draw_hang(fault))
        ended = box.take(self.order.choice((0.01, 1.0)) if fault == "caller gone" else 29.5)
        box.close()
        if ended is None:
            return 0, {}
        if ended.error:
            return 500, {"message": "Internal Server Error"}
        return ended.answer["statusCode"], json.loads(ended.answer["body"])

    # Step Functions

    def start_execution(self, name: str, text: str) -> str | None:
        """Starts an execution, and returns its ARN; None if there is one of that name with another input or end."""
        arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
        if known := self.executions.get(arn):
            return arn if known.status == "RUNNING" and known.input == text else None
        data = json.loads(text)
        execution = EngineExecution(arn, text, self.timeline.now, job_id=data["job_id"])
        self.executions[arn] = execution
        definition = read_machine(self.limits["deadline_seconds"], self.limits["max_concurrency"])
        self._spawn(execution, definition["StartAt"], data)
        return arn

    def _spawn(self, execution: EngineExecution, name: str, data: Any) -> None:
        definition = read_machine(self.limits["deadline_seconds"], self.limits["max_concurrency"])

        def act() -> None:
            assert execution.worker
            execution.worker.deadline = self.timeline.now + definition["TimeoutSeconds"]
            self.run_execution(execution, definition, name, data)
            if execution.status in ("TIMED_OUT", "ABORTED"):
                self.stopped.add(execution.job_id)
                # A write that had no answer yet is repeated by a redrive.
                self.repeats[execution.job_id] += execution.position[0].startswith("Record")

        execution.status = "RUNNING"
        self.tell(f"execution {execution.name} begins at {name}")
        execution.worker = self.timeline.spawn(act, execution.name, self.order.uniform(0, 1))

    def run_execution(self, execution: EngineExecution, definition: Any, name: str, data: Any) -> Any:
        """Runs an execution to its end, sets its status, and returns its output."""
        assert execution.worker
        if execution.worker.is_dead:
            execution.status = "ABORTED"
            return None
        execution.machine = EngineMachine(definition, execution, self)
        try:
            output = execution.machine.run_from(name, data)
        except Killed as killed:
            execution.status = "TIMED_OUT" if str(killed) == "timed out" else "ABORTED"
        except Exception:
            execution.status = "FAILED"
        else:
            execution.status = "SUCCEEDED"
            return output
        finally:
            self.tell(f"execution {execution.name} ends: {execution.status}, in {execution.position[0]}")
        return None

    def stop_execution(self, execution: EngineExecution) -> None:
        assert execution.worker
        if execution.status == "RUNNING":
            worker = execution.worker
            self.tell(f"stop {execution.name}")
            if not worker.has_begun:
                execution.status, execution.position = "ABORTED", ("Fetch Video", json.loads(execution.input))
                self.stopped.add(execution.job_id)
            self.timeline.after(0, lambda: stop_worker(worker))

    def redrive(self, execution: EngineExecution) -> None:
        """Restarts an execution at the state that did not succeed."""
        self._spawn(execution, *execution.position)

    def update_record(self, execution: EngineExecution, parameters: Any, seconds: float, state: str) -> Any:
        """Writes to a job's record, as the state machine does. Raises TaskFailed."""
        client = clients.dynamodb()
        fault = self.strike(RECORD_FAULTS, execution.job_id, "state machine", f"dynamodb:UpdateItem by {state}")
        if fault in _ERRORS:
            self.timeline.sleep(self.order.uniform(0.01, 0.5))
            raise fail_task(f"DynamoDB.{_ERRORS[fault][''][0]}", "")
        act = partial(self._write, client, parameters, state)
        if fault:
            self.repeats[execution.job_id] += 1
        if fault == "slow":
            self.timeline.after(seconds + self.order.choice((1.0, 20.0)), partial(_try, act))
            self.timeline.sleep(seconds)
            raise fail_task("States.Timeout", "")
        self.timeline.sleep(self.order.uniform(0.001, 0.05))
        try:
            answer = act()
            if fault == "repeated":
                self.timeline.sleep(0.5)
                answer = act()
        except ClientError as error:
            raise fail_task("DynamoDB.ConditionalCheckFailedException", str(error)) from None
        if fault == "lost":
            self.timeline.sleep(0.5)
            raise fail_task("DynamoDB.SdkClientException", "")
        self.timeline.sleep(self.order.uniform(0.001, 0.05))
        return answer

    def _write(self, client: Any, parameters: Any, by: str, operation: str = "UpdateItem") -> Any:
        """Makes a write to a job's record, and notes the status before and after it."""
        key = parameters["Key" if operation == "UpdateItem" else "Item"]["job_id"]["S"]
        before = read_status(key)
        answer = storage.answer(client, operation, parameters)
        after = read_status(key)
        if before is None and after:
            item = storage.list_records()[key]
            place = item["input_url" if "input_url" in item else "video_key"]["S"]
            self.requests[key] = Request(place, int(item["infer_fps"]["S"]), item["key_digest"]["S"])
        if before != after:
            self.changes.append(
                Change(self.timeline.now, key, before, after, by, storage.read_object(results_key(key)))
            )
            self.tell(f"{by}: {key[:8]} is {after} (was {before})")
        return answer

    # Calls of functions

    def watch(self, client: Any, operation: str, parameters: Any) -> Any:
        """Makes a call to AWS, or lets a fault strike it."""
        service: str = client.meta.service_model.service_name
        worker = self.timeline.worker
        assert isinstance(worker, Invocation), f"{operation} by nobody"
        worker.check_alive()
        call = f"{service}:{operation}{_describe_place(service, parameters)}"
        worker.calls.append((self.timeline.now, call))
        kinds = CALL_FAULTS if service == "lambda" else READ_FAULTS if operation == "GetObject" else AWS_FAULTS
        fault = self.strike(kinds, worker.job_id, worker.function, call)
        if service == "lambda":
            return call_function(self, client, operation, parameters, fault)
        act = self._find_act(client, operation, parameters, worker.function)
        if service == "s3":
            worker.meter.count(_describe_request(operation, parameters), f"before-send.s3.{operation}")
        worker.pause(self.order.choice((20.0, 100.0)) if fault == "slow" else self.order.uniform(0.001, 0.05))
        if fault == "killed before":
            worker.die()
        if fault in _ERRORS:
            raise make_error(operation, *_ERRORS[fault].get(service, _ERRORS[fault][""]), client)
        answer = act()
        if fault == "killed after":
            worker.die()
        if fault == "repeated":
            worker.pause(1.0)
            answer = act()
        worker.pause(self.order.uniform(0.001, 0.05))
        if fault == "lost":
            raise ConnectionClosedError(endpoint_url=service)
        if fault == "cut":
            answer["Body"].on_read = _break_off
        return answer

    def _find_act(self, client: Any, operation: str, parameters: Any, function: str) -> Callable[[], Any]:
        if operation == "StartExecution":
            return partial(self._start_execution, client, operation, parameters)
        if operation in ("PutItem", "UpdateItem"):
            return partial(self._write, client, parameters, function, operation)
        return partial(storage.answer, client, operation, parameters)

    def _start_execution(self, client: Any, operation: str, parameters: Any) -> Any:
        arn = self.start_execution(parameters["name"], parameters["input"])
        if arn is None:
            raise make_error(operation, "ExecutionAlreadyExists", 400, client)
        return {"executionArn": arn}

    def read_secret(self, name: str, max_age: int) -> str:
        """Stands for Powertools' `get_secret`, with the cache of the sandbox."""
        worker = self.timeline.worker
        assert isinstance(worker, Invocation)
        until, value = worker.sandbox.secret
        if value and self.timeline.now < until:
            return value
        fault = self.strike(AWS_FAULTS, worker.job_id, worker.function, "secretsmanager:GetSecretValue")
        worker.pause(20.0 if fault == "slow" else 0.02)
        if fault.startswith("killed"):
            worker.die()
        if fault in ("refused", "down", "lost"):
            raise GetParameterError(name)
        worker.sandbox.secret = self.timeline.now + max_age, self.keys
        return self.keys

    def call_server(self, conn: Any, target: str, headers: Mapping[str, str]) -> urllib3.HTTPResponse:
        """Passes a request to the server of a video, or lets a fault strike it."""
        worker = self.timeline.worker
        assert isinstance(worker, Invocation)
        worker.calls.append((self.timeline.now, "server:GET"))
        fault = self.strike(SERVER_FAULTS, worker.job_id, "fetch_video", "server:GET")
        worker.pause(self.order.uniform(0.01, 1.0))
        if fault == "killed before":
            worker.die()
        answer = self.server.answer(conn, target, headers, fault)
        if fault == "killed after":
            worker.die()
        return answer

    def resolve(self, *_: Any, **__: Any) -> list[Any]:
        worker = self.timeline.worker
        assert isinstance(worker, Invocation)
        return resolve(self.strike(("no answer",), worker.job_id, "fetch_video", "server:DNS"))

    # What is there

    def tell(self, line: str) -> None:
        """Adds a line to the story."""
        seconds = self.timeline.now - self.begin
        hours, rest = divmod(int(seconds), 3600)
        self.story.append(f"{hours:3}:{rest // 60:02}:{rest % 60 + seconds % 1:06.3f}  {line}")


def _try(act: Callable[[], Any]) -> None:
    with contextlib.suppress(ClientError):
        act()


def _break_off() -> None:
    raise ResponseStreamingError(error="connection broken")


def _summarize(answer: Any) -> str:
    if "statusCode" in answer:
        return f"answers {answer['statusCode']} {answer['body'][:150]}"
    return f"answers {answer['outcome']} {answer.get('reason', '')}"


def _describe_place(service: str, parameters: Mapping[str, Any]) -> str:
    if service != "s3":
        return ""
    if parameters["Bucket"] == MODELS:
        return " model"
    key: str = parameters["Key"]
    return f" {_KINDS.get(key.split('/')[2], 'video')}"


def _describe_request(operation: str, parameters: Mapping[str, Any]) -> Any:
    reads = operation.startswith(("Get", "Head", "List"))
    sizes = {"Content-Length": len(parameters.get("Body", b""))}
    return SimpleNamespace(
        method="GET" if reads else "DELETE" if operation.startswith("Abort") else "PUT", headers=sizes
    )


def read_status(job_id: str) -> str | None:
    record = storage.list_records().get(job_id)
    return record["status"]["N"] if record else None


class InlineExecutor(Executor):
    """Stands for `ThreadPoolExecutor`: runs what it gets at once, in the worker's own turn."""

    def __init__(self, *_: Any) -> None:
        """Takes no threads."""

    def submit[**P, T](self, act: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> Future[T]:
        future = Future[T]()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(act(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class Checksums:
    """Stands for `Detector`: an element of the results says the checksum of the picture's brightness."""

    concurrency = 1

    def __init__(self, *_: Any) -> None:
        """Reads no package."""

    seconds = 0.0
    sleep: Callable[[float], None] = staticmethod(lambda _: None)

    def start(self, frame: Any, thresholds: Any) -> Callable[[], Any]:
        checksum = zlib.crc32(bytes(frame.planes[0]))
        type(self).sleep(type(self).seconds)
        return lambda: {"time": 0.0, "checksum": checksum, "confidence": thresholds.confidence}


class _PerWorker:
    """Stands for an object of which each sandbox has its own."""

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_find")(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_find")(), name, value)


@cache
def find_timeout(function: str) -> int:
    """Returns how long a function may take, in seconds."""
    for resource in find_resources("engine", "AWS::Serverless::Function").values():
        if resource["Properties"]["CodeUri"].strip("/").endswith(f"functions/{function}"):
            return int(resource["Properties"]["Timeout"])
    raise AssertionError(function)


@cache
def read_machine(deadline_seconds: int, max_concurrency: int) -> Mapping[str, Any]:
    text = find_definition("engine")[0].read_text().replace("${Partition}", "aws").replace("${JobsTableName}", "jobs")
    text = text.replace("${DeadlineSeconds}", str(deadline_seconds)).replace("${MaxConcurrency}", str(max_concurrency))
    assert not re.search(r"\$\{(?!\w+FunctionArn)", text)
    definition: Mapping[str, Any] = json.loads(text)
    return definition


@cache
def _compile_app(function: str) -> CodeType:
    path = ROOT / "engine" / "functions" / function / "app.py"
    return compile(path.read_text(), str(path), "exec")


def load_app(function: str) -> Any:
    """Loads a function as a sandbox of its own does."""
    app: Any = ModuleType(f"engine_{function}")
    exec(_compile_app(function), vars(app))  # noqa: S102  as an import does
    return app


@cache
def import_functions() -> None:
    """Imports all that functions import, so that it can be patched."""
    for function in (*STEPS, "serve_api"):
        load_app(function)


@cache
def _make_model() -> Mapping[str, bytes]:
    return make_package()


@contextlib.contextmanager
def open_stack(order: random.Random, faults: Callable[[float], Faults], *, is_calm: bool = False) -> Iterator[Stack]:
    """Opens a new engine.

    Args:
        is_calm: With a single segment, and without limits that are near.
    """
    timeline = Timeline()
    limits = {
        "deadline_seconds": 86400 if is_calm else order.choice((86400, 86400, 7200, 1800)),
        "max_concurrency": order.choice((1, 2, 5)),
        "poll_seconds_min": order.choice((0, 60)),
        "retention_days": 7,
        "max_models": 2,
    }
    seconds = 0.0 if is_calm else order.choice((0.05, 0.05, 2.0, 10.0, 25.0))
    with contextlib.ExitStack() as entered:
        enter = entered.enter_context
        folder = Path(tempfile.mkdtemp(prefix="engine-life-"))
        entered.callback(shutil.rmtree, folder, ignore_errors=True)
        stack = Stack(order, timeline, faults(timeline.now), limits, seconds, folder)
        stack.upload_part_bytes = order.choice((2**20, 1500))
        environment = {name.upper(): str(value) for name, value in limits.items()} | {
            "ALLOWED_BUCKETS": "",
            "ALLOWED_RANGES": "",
            "API_KEYS_SECRET": "engine/api-keys",
            "INFER_SEGMENT_FUNCTION": "infer-segment",
            "JOBS_TABLE": "jobs",
            "MAX_FAILED_SHARE": "0.5",
            "MAX_FRAME_PIXELS": "10000",
            "MAX_VIDEO_GIGABYTES": "0.0001",
            "MAX_SAMPLED_FRAMES": "1000",
            "MAX_VIDEO_HOURS": "1",
            "MERGE_RESULTS_FUNCTION": "merge-results",
            "MODELS_BUCKET": MODELS,
            "PLAN_JOB_FUNCTION": "plan-job",
            "PRECISION": "f32",
            "STATE_MACHINE_ARN": MACHINE,
            "STILL_FRAMES": "infer",
            "VIDEOS_BUCKET": VIDEOS,
        }
        described = describe_function("simulated", memory_megabytes=MEMORY_MEGABYTES)
        enter(patch.dict(os.environ, CREDENTIALS | environment | described))
        import_functions()
        enter(mock_aws())
        _make_resources()
        enter(timeline.installed())
        enter(patch.object(urllib3.util.retry, "time", SimpleNamespace(sleep=timeline.sleep, time=timeline.read_clock)))
        enter(patch.object(BaseClient, "_make_api_call", lambda *arguments: stack.watch(*arguments)))
        enter(patch.object(moto.s3.models, "S3_UPLOAD_PART_MIN_SIZE", 1))
        enter(
            patch.object(api, "uuid", SimpleNamespace(uuid4=lambda: uuid.UUID(int=order.getrandbits(128), version=4)))
        )
        for name, module in list(sys.modules.items()):
            if name.startswith("videoengine.") and hasattr(module, "ThreadPoolExecutor"):
                enter(patch.object(module, "ThreadPoolExecutor", InlineExecutor))
        s3 = clients.s3()
        enter(patch.object(s3, "upload_fileobj", partial(storage.upload, s3, stack.upload_part_bytes)))
        enter(patch.object(s3, "download_file", partial(storage.download, s3)))
        enter(patch.object(parallel_fetch, "PART_BYTES", 900))
        enter(patch.object(parallel_fetch, "_CHUNK_BYTES", 400))
        enter(patch.object(fetch_deadline, "Timer", partial(SimulatedTimer, timeline)))
        enter(patch.object(video_server, "_make_pool", lambda *_: Pool(stack.call_server)))
        network = SimpleNamespace(**{**vars(socket), "getaddrinfo": stack.resolve})
        enter(patch.object(destinations, "socket", network))
        enter(patch.object(Checksums, "seconds", seconds))
        enter(patch.object(Checksums, "sleep", staticmethod(timeline.sleep)))
        enter(patch.object(compiled_models, "Detector", Checksums))
        enter(patch.object(shares, "MIN_SEGMENT_SECONDS", 100.0 if is_calm else 0.24))
        enter(patch.object(segments, "MAX_SEGMENT_SECONDS", 60.0 if is_calm else order.choice((60.0, 60.0, 60.0, 0.1))))
        if not is_calm and order.random() < WARMING_SHARE:
            enter(patch.object(warming, "MIN_FETCHED_BYTES", 0))
            enter(patch.object(warming, "MIN_BYTES", 0))
            enter(patch.object(warming, "PLANNED_PER_SECOND", 1))
        for name in ("S3_METER", "MODELS_CACHE", "_COMPILED"):
            _share_out(enter, timeline, name)
        enter(patch.object(metering, "measure_process_seconds", lambda: IMPORT_SECONDS))
        secrets = SimpleNamespace(get=lambda name, max_age, **_: stack.read_secret(name, max_age))
        enter(patch.dict(DEFAULT_PROVIDERS, {"secrets": secrets}))
        enter(patch.object(logger.registered_handler, "stream", stack.log))
        enter(contextlib.redirect_stdout(stack.log))
        yield stack


def _share_out(enter: Callable[[Any], Any], timeline: Timeline, name: str) -> None:
    """Gives each sandbox, or invocation, an object of its own."""
    finders: Mapping[str, Callable[[Any], Any]] = {
        "S3_METER": lambda worker: worker.meter,
        "MODELS_CACHE": lambda worker: worker.sandbox.folder,
        "_COMPILED": lambda worker: worker.sandbox.compiled,
    }
    found = _PerWorker(lambda: finders[name](timeline.worker))
    if name == "MODELS_CACHE":
        enter(
            patch.object(
                inference, "ModelStore", lambda s3, bucket, _: model_store.ModelStore(s3, bucket, found.joinpath())
            )
        )
        return
    for module in (metering, inference, fetching) if name == "S3_METER" else (inference,):
        if hasattr(module, name):
            enter(patch.object(module, name, found))


def _make_resources() -> None:
    clients.dynamodb().create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
    )
    for bucket in (VIDEOS, MODELS):
        clients.s3().create_bucket(Bucket=bucket)
    for name, content in _make_model().items():
        storage.put_object(f"{MODEL_ID}/{MODEL_VERSION}/{name}", content, MODELS)
