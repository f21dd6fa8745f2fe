"""A stack in one process, over simulated time: the real handlers, state machines and options, and an AWS of stand-ins.

Step Functions, SQS and Lambda decide when what happens. S3 (`objects.py`) and DynamoDB (`tables.py`) are held against
moto by tests. Of SNS, EventBridge, Secrets Manager and Parameter Store the functions use one call each.
"""

import contextlib
import io
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from math import inf
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import requests
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from botocore.client import BaseClient
from botocore.exceptions import ConnectionClosedError

from tests.lambda_runtime import describe_function, invoke
from tests.simulation import media
from tests.simulation.api import API_KEYS, API_URL, SIGNATURE, STORAGE_CALLS, Answer, Api, ApiWire, refuse, spoil
from tests.simulation.executions import Execution, TimedMachine, fail_task, run_execution
from tests.simulation.faults import (
    AWS_FAULTS,
    CLOCK_AHEAD_MAX,
    CONNECT_SECONDS_MAX,
    DELIVERY_FAULTS,
    INVOCATION_FAULTS,
    PUBLISH_FAULTS,
    Faults,
    list_api_faults,
)
from tests.simulation.objects import Objects
from tests.simulation.queues import FunctionQueue
from tests.simulation.refusals import Refused
from tests.simulation.tables import Tables
from tests.simulation.timeline import Killed, Timeline, Worker
from tests.templates import ROOT, find_resources, read_definition, read_template
from tests.unit.videojobs.test_create_job import SETTINGS
from videojobs import connections
from videojobs.api.accepted_videos import AcceptedVideos
from videojobs.api.turns import SharedTurns
from videojobs.jobs import idempotency
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.uploads import read_requests
from videojobs.jobs.workflow import read_execution_event
from videojobs.logs import logger
from videojobs.result_files import SUMMARY_FILE
from videojobs.results import bucket

ACCOUNT = "arn:aws:states:us-east-1:123456789012"
JOB_MACHINE = f"{ACCOUNT}:stateMachine:video-job"
DIGEST_MACHINE = f"{ACCOUNT}:stateMachine:notices-digest"
SHARE_KEY = "s1gn1ng-key-of-share-links"
UPLOADS, RESULTS = "uploads", "results"
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/uploads"

TABLES: Mapping[str, Sequence[str]] = {
    "jobs": ("upload_id", "attempt"),
    "idempotency": ("id",),
    "budget": ("id",),
    "pending-notices": ("state", "id"),
}
"""The names of the tables, and of the attributes of their keys."""

PART_BYTES, PIECE_BYTES = 2000, 300
"""Of the results' files, so that small ones have several parts."""

SECRETS = {
    "k3y-of-the": "an API key",  # long enough not to be in a random token
    SIGNATURE: "a signed link",
    SHARE_KEY: "the share key",
    "X-Amz-Signature=": "a signed query",
}
"""What nothing that is written down may have."""

CREDENTIALS = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

_ERRORS: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "refused": {"s3": ("SlowDown", 503), "sns": ("Throttling", 400), "": ("ThrottlingException", 400)},
    "down": {"s3": ("InternalError", 500), "sns": ("InternalError", 500), "": ("InternalServerError", 500)},
}
"""AWS's error codes and HTTP statuses, by fault and service."""

_MAY_LINK = ("sns:", "a digest", "a step's input or output (send_digest)")
"""Where share links may be: mails, and the step that composes them."""

_SENDING = {"sns:Publish": "notice", "events:PutEvents": "event"}
"""What calls send to the outside."""

_API_SECONDS = {"slow": 25.0, "late": 30.0}

type Subject = tuple[str, int, str]
"""What an invocation is about: the upload, the attempt, and the redelivery ("" for the first delivery)."""


@dataclass
class Told:
    """A notice that SNS accepted, from an invocation about `subject` that last read the ledger at `read_at`."""

    at: float
    read_at: float
    subject: Subject
    outcome: str
    text: str
    invocation: int


@dataclass(frozen=True)
class Published:
    """An event that EventBridge accepted, from an invocation that last read the ledger at `read_at`."""

    at: float
    read_at: float
    detail: Mapping[str, Any]
    invocation: int


@dataclass(frozen=True)
class Change:
    """A change of a status in the ledger."""

    at: float
    job: tuple[str, int]
    before: str | None
    after: str | None
    function: str
    is_redelivery: bool


@dataclass
class Sandbox:
    """One warm environment of a function: its module, its variables, and its cache of parameters."""

    app: Any
    environment: dict[str, str]
    stores: dict[str, Any] = field(default_factory=lambda: {"secrets": {}, "ssm": {}})
    is_busy: bool = False


class Invocation(Worker):
    """A running function.

    Attributes:
        unrecorded: What it sent, a `notice` or an `event`, and has not yet recorded.
        read_at: When it last read the ledger.
        outcome: Its answer or its error, once it has ended.
    """

    number = 0
    function = ""
    subject: Subject = ("", 0, "")
    sandbox: Sandbox
    read_at = 0.0
    answer: Any = None
    error: str | None = None

    def __init__(self, timeline: Timeline, act: Callable[[], None], name: str) -> None:
        super().__init__(timeline, act, name)
        self.unrecorded: set[str] = set()


@dataclass
class Stack:
    """The stack, and all that it did.

    Attributes:
        environment: The functions' variables.
        secrets: The secrets' values by name.
        told: The notices that SNS accepted.
        events: The events that EventBridge accepted.
        changes: All changes of statuses in the ledger.
        is_versioned: Whether the uploads bucket has versioning.
        interrupted: When a fault first struck an invocation, by its number, between what it sent and its record.
        recorded: When an invocation, by its number, recorded what it sent.
        digests: The IDs of the pending notices in each digest that SNS accepted.
        digests_lost: How often SNS accepted each of them in a digest and its answer was lost.
        deliveries: By job and attempt, how many functions began to deliver its results.
        summarized: By job and attempt, the costs that its summaries had.
        breaches: What did not hold in the middle of the life, such as secrets that were written down.
        limits: Since when which number of requests a minute is allowed.
        answered: The API's jobs whose creation was answered, each with the number of the invocation that was told.
        struck: The numbers of the invocations that a fault struck after such an answer.
        pauses: When functions agreed on a pause that the API asked for, and until when.
        story: What happened, in readable lines.
    """

    order: random.Random
    timeline: Timeline
    faults: Faults
    knows_keys: bool
    environment: dict[str, str]
    is_versioned: bool
    s3: Any = None
    recorded: dict[tuple[int, str], float] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: {"api-key": API_KEYS[0], "share-key": SHARE_KEY})
    executions: dict[str, Execution] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    events: list[Published] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    digests: list[list[str]] = field(default_factory=list)
    digests_lost: Counter[str] = field(default_factory=Counter)
    pending: set[str] = field(default_factory=set)
    deliveries: Counter[tuple[str, int]] = field(default_factory=Counter)
    summarized: dict[tuple[str, int], set[float]] = field(default_factory=lambda: defaultdict(set))
    breaches: set[str] = field(default_factory=set)
    limits: list[tuple[float, int]] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=dict)
    struck: set[int] = field(default_factory=set)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    interrupted: dict[tuple[int, str], float] = field(default_factory=dict)
    invocations: int = 0
    sandboxes: dict[str, list[Sandbox]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.tables = Tables(TABLES)
        self.objects = Objects(self.order, {UPLOADS} if self.is_versioned else set())
        takes_ranges = self.order.random() < 0.7
        self.api = Api(self.order, lambda: self.timeline.now, self.objects.read, self.knows_keys, takes_ranges)
        timings = {name: it["Properties"] for name, it in find_resources("pipeline", "AWS::SQS::Queue").items()}
        self.uploads = self._open_queue("uploads", "create_job", timings["UploadsQueue"], 5)
        self.ends = self._open_queue("ends", "report_failure", timings["ExecutionEndsQueue"], 2)

    def _open_queue(self, name: str, function: str, properties: Mapping[str, Any], workers_max: int) -> FunctionQueue:
        return FunctionQueue(
            name,
            self.timeline,
            partial(self._call_from_queue, function),
            properties["VisibilityTimeout"],
            # In some lives messages are given up early, so that somebody has to redrive them.
            self.order.choice((*[properties["RedrivePolicy"]["maxReceiveCount"]] * 6, 4)),
            workers_max,
            partial(self.write_down, f"the queue {name}"),
        )

    # Lambda

    def _call_from_queue(self, function: str, event: Any, end: Callable[[bool], None]) -> None:
        fault = self.faults.choose(INVOCATION_FAULTS[:2], function, "invoke", self.timeline.now)
        if fault:
            self.tell(f"{function} is not called: {fault}")
            [record] = event["Records"]
            queue = self.uploads if function == "create_job" else self.ends
            queue.postpone(record["receiptHandle"], self.order.uniform(1, 60))
            end(False)
            return

        def finish(invocation: Invocation) -> None:
            if function == "create_job":
                end(invocation.answer == {"batchItemFailures": []})
            else:
                end(invocation.error is None)

        self.start(function, event, finish)

    def start(
        self, function: str, event: Any, finish: Callable[[Invocation], None], *, hangs: bool = False
    ) -> Invocation:
        """Starts a function. `finish` is called at its end, whatever that is."""
        environment = self.environment
        sandbox = next(
            (it for it in self.sandboxes[function] if not it.is_busy and it.environment is environment), None
        )
        if sandbox is None or self.order.random() < 0.05:
            sandbox = Sandbox(load_app(function, environment, self.timeline), environment)
            self.sandboxes[function].append(sandbox)
        sandbox.is_busy = True
        seconds = find_timeout(function)

        def act() -> None:
            invocation.deadline = self.timeline.now + seconds
            try:
                if hangs:
                    invocation.pause(10 * seconds)
                invocation.answer = invoke(sandbox.app.handler, event, seconds=seconds)
            except Killed as killed:
                invocation.error = "Sandbox.Timedout" if str(killed) == "timed out" else "Runtime.ExitError"
            except Exception as error:
                invocation.error = f"{type(error).__name__}: {error}"
            sandbox.is_busy = False
            if invocation.is_dead:
                self._interrupt(invocation)
            if invocation.error and invocation.error.startswith(("Sandbox", "Runtime")):
                self.sandboxes[function].remove(sandbox)
            self.tell(f"{invocation.name} {'fails: ' + invocation.error[:150] if invocation.error else 'ends'}")
            self.timeline.after(0, lambda: finish(invocation))

        self.invocations += 1
        invocation = Invocation(self.timeline, act, f"{function}#{self.invocations}")
        invocation.number, invocation.function, invocation.sandbox = self.invocations, function, sandbox
        invocation.subject = find_subject(function, event)
        self.deliveries[invocation.subject[:2]] += function == "deliver_results"
        invocation.clock_ahead = self.order.uniform(-CLOCK_AHEAD_MAX, CLOCK_AHEAD_MAX)
        self.tell(f"{invocation.name} begins, for {invocation.subject}")
        invocation.resume_at(self.timeline.now + self.order.uniform(0.01, 1.0))
        return invocation

    def run_task(self, execution: Execution, function: str, event: Any) -> Any:
        """Calls a function for an execution, and waits for its answer. Raises TaskFailed."""
        worker = self.timeline.worker
        assert worker
        fault = self.faults.choose(INVOCATION_FAULTS, function, "invoke", self.timeline.now)
        if fault:
            self.tell(f"{execution.name} calls {function}: {fault}")
        if fault in ("throttled", "service error"):
            self.timeline.sleep(0.1)
            raise fail_task(
                "Lambda.TooManyRequestsException" if fault == "throttled" else "Lambda.ServiceException", ""
            )
        if fault == "caller gone":
            self.start(function, event, lambda _: None)
            self.timeline.sleep(self.order.choice((0.5, 5.0, 60.0)))
            raise fail_task("Lambda.SdkClientException", "Unable to execute HTTP request")
        invocation = self.start(
            function, event, lambda _: worker.resume_at(self.timeline.now), hangs=fault == "timed out"
        )
        worker.wait()
        self.write_down(f"a step's input or output ({function})", (event, invocation.answer, invocation.error))
        if invocation.error:
            name, _, message = invocation.error.partition(": ")
            cause = json.dumps({"errorMessage": message, "errorType": name})
            raise fail_task(name, cause)
        return invocation.answer

    # Step Functions

    def start_execution(self, machine: str, name: str, text: str) -> str | None:
        """Starts an execution, and returns its ARN; None if there is one of that name with another input or end."""
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        if known := self.executions.get(arn):
            return arn if known.status == "RUNNING" and known.input == text else None
        execution = Execution(arn, text, self.timeline.now)
        definition = load_definition("digest" if machine == DIGEST_MACHINE else "pipeline")
        execution.machine = TimedMachine(
            definition, execution, self.run_task, self.timeline, self.order, partial(self._publish_digest, arn)
        )

        def act() -> None:
            assert execution.worker
            execution.worker.deadline = self.timeline.now + definition["TimeoutSeconds"]
            run_execution(execution, definition)
            self._end_execution(execution)

        self.executions[arn] = execution
        execution.worker = self.timeline.spawn(act, f"execution {name}", self.order.uniform(0, 1))
        self.tell(f"execution {name} starts")
        return arn

    def _end_execution(self, execution: Execution) -> None:
        self.tell(f"execution {execution.name} ends: {execution.status}, after {' > '.join(execution.states[-4:])}")
        if execution.status == "SUCCEEDED" or ":video-job:" not in execution.arn:
            return
        detail = {"status": execution.status, "executionArn": execution.arn, "input": execution.input}
        event = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        self.deliver(lambda: self.ends.send(json.dumps(event)), "execution event")

    def deliver(self, send: Callable[[], None], what: str) -> None:
        """Delivers an event at least once, some time."""
        fault = self.faults.choose(DELIVERY_FAULTS, "", what, self.timeline.now)
        delay = self.order.choice((30.0, 600.0, 4000.0)) if fault == "late" else self.order.uniform(0.1, 3)
        self.timeline.after(delay, send)
        if fault == "twice":
            self.timeline.after(delay + self.order.choice((0.0, 0.5, 60.0, 2000.0)), send)

    def _publish_digest(self, arn: str, parameters: Mapping[str, Any]) -> Any:
        self.timeline.sleep(self.order.uniform(0.01, 0.2))
        fault = self.faults.choose(PUBLISH_FAULTS, "Publish Digest", "sns:Publish", self.timeline.now)
        if fault == "refused":
            raise fail_task("SNS.ThrottlingException", "Rate exceeded")
        claimed = [it for it in self.tables.read("pending-notices") if it.get("claimed_by") == arn]
        # A notice whose video has no line of its own is not told.
        lines = Counter(line.strip() for line in parameters["Message"].splitlines())
        told = []
        for it in claimed:
            lines[it["video"]] -= 1
            if lines[it["video"]] >= 0:
                told.append(it["id"])
        self.digests.append(told)
        self.tell(f"digest of {len(told)}")
        self.log_mail(parameters)
        if fault == "lost":
            self.digests_lost.update(told)
            raise fail_task("SNS.SdkClientException", "Unable to execute HTTP request")
        return {"MessageId": f"digest-{len(self.digests)}"}

    def log_mail(self, parameters: Mapping[str, Any]) -> None:
        self.write_down("a digest", parameters)
        assert len(parameters["Message"].encode()) < 256 * 1024

    def stop_execution(self, arn: str) -> bool:
        execution = self.executions.get(arn)
        if execution is None:
            return False
        if execution.status == "RUNNING" and execution.worker:
            execution.status = "ABORTED"
            worker = execution.worker
            self.timeline.after(0, lambda: self._abort(execution, worker))
        return True

    def _abort(self, execution: Execution, worker: Worker) -> None:
        has_begun = worker.has_begun
        worker.kill("aborted")
        if not has_begun:
            self._end_execution(execution)

    # Calls of functions

    def watch(self, client: Any, operation: str, parameters: Any) -> Any:
        """Makes a call to AWS, or lets a fault strike it."""
        service = client.meta.service_model.service_name
        act: Callable[[], Any] = partial(self._answer, client, operation, parameters)
        worker = self.timeline.worker
        if worker is None:
            return act()
        place = f" {parameters.get('TableName', 'pending-notices')}" if service == "dynamodb" else ""
        call = f"{service}:{operation}{place}"
        fault = self._strike(worker, AWS_FAULTS, call)
        worker.pause(self.order.choice((20.0, 100.0)) if fault == "slow" else self.order.uniform(0.001, 0.05))
        if fault == "killed before":
            worker.die()
        if fault in ("refused", "down"):
            raise Refused(*_ERRORS[fault].get(service, _ERRORS[fault][""])).to_error(client, operation)
        answer = act()
        self._note_summary(worker, operation, parameters)
        if fault in ("repeated", "lost") and call in _SENDING and isinstance(worker, Invocation):
            self.interrupted[worker.number, _SENDING[call]] = self.timeline.now
        if fault == "killed after":
            worker.die()
        if fault == "repeated":
            worker.pause(1.0)
            answer = act()
        worker.pause(self.order.uniform(0.001, 0.05))
        if fault == "lost":
            raise ConnectionClosedError(endpoint_url=service)
        return answer

    def write_down(self, place: str, written: Any) -> None:
        """Looks for secrets in what is written down. Bytes and other values are searched as Python shows them."""
        text = repr(written)
        self.breaches |= {f"{what} is in {place}" for secret, what in SECRETS.items() if secret in text}
        if "share.simulated.example/s/" in text and not place.startswith(_MAY_LINK):
            self.breaches.add(f"a share link is in {place}")

    def _interrupt(self, invocation: Invocation) -> None:
        """Notes that a fault struck between what an invocation sent and its record."""
        if invocation.number in self.answered.values():
            self.struck.add(invocation.number)
        for what in invocation.unrecorded:
            self.interrupted.setdefault((invocation.number, what), self.timeline.now)

    def _answer(self, client: Any, operation: str, parameters: Any) -> Any:
        self.write_down(f"{client.meta.service_model.service_name}:{operation}", parameters)
        try:
            return _SERVED[client.meta.service_model.service_name](self, operation, parameters)
        except Refused as refused:
            raise refused.to_error(client, operation) from None

    def _strike(self, worker: Worker, kinds: Sequence[str], call: str) -> str:
        """Chooses the fault that strikes a call; none is ""."""
        worker.check_alive()
        name = worker.function if isinstance(worker, Invocation) else "owner"
        fault = self.faults.choose(kinds, name, call, self.timeline.now)
        if fault:
            self.tell(f"{worker.name}: {call} {fault}")
            if isinstance(worker, Invocation):
                self._interrupt(worker)
        return fault

    def change(self, operation: str, parameters: Any) -> Any:
        """Makes a call to DynamoDB, and notes the status before and after it."""
        if operation == "TransactWriteItems":
            for action in parameters["TransactItems"]:
                if "Put" in action and action["Put"]["Item"]["state"] == "pending":
                    self.pending.add(action["Put"]["Item"]["id"])
        worker = self.timeline.worker
        if isinstance(worker, Invocation) and operation == "GetItem" and parameters["TableName"] == "jobs":
            worker.read_at = self.timeline.now
        if operation != "UpdateItem" or parameters["TableName"] != "jobs":
            answer = self.tables.serve(operation, parameters)
            self._note_pause(parameters)
            return answer
        key = parameters["Key"]
        old = dict(self.tables.find("jobs", key))
        before = old.get("status")
        answer = self.tables.serve(operation, parameters)
        item = self.tables.find("jobs", key)
        after, location = item.get("status"), item.get("results_location", "")
        if location and self.objects.read(RESULTS, location.removeprefix(f"s3://{RESULTS}/")) is None:
            self.breaches.add(f"the ledger says that results are at {location}, where nothing is")
        names = set(parameters["ExpressionAttributeNames"].values())
        if isinstance(worker, Invocation):
            self._note_record(worker, key, names)
            self._compare(worker, old, item)
        if before != after:
            function, subject = (
                (worker.function, worker.subject) if isinstance(worker, Invocation) else ("", ("", 0, ""))
            )
            job = key["upload_id"], int(key["attempt"])
            self.changes.append(Change(self.timeline.now, job, before, after, function, is_redelivery=bool(subject[2])))
            self.tell(f"{worker.name if worker else '?'}: {job[0][-28:]}/{job[1]} is {after} (was {before})")
        return answer

    def _note_pause(self, parameters: Any) -> None:
        if "paused_until" in parameters.get("ExpressionAttributeNames", {}).values():
            self.pauses.append((self.timeline.now, float(parameters["ExpressionAttributeValues"][":value"])))

    def _compare(self, worker: Invocation, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Compares an item before and after an update. A redelivery changes neither its end nor its cost, except to one
        that a summary had before: the ledger misses costs if deliveries overlapped, or a record failed.
        """
        is_redelivery = worker.function == "deliver_results" and worker.subject[2]
        for name in ("finished_at", "cost_usd") if is_redelivery and old.get("status") == "done" else ():
            was_known = name == "cost_usd" and round(float(new[name]), 9) in self.summarized[worker.subject[:2]]
            if old.get(name, new.get(name)) != new.get(name) and not was_known:
                self.breaches.add(f"a redelivery changes {name} from {old[name]} to {new.get(name)}")

    def _note_summary(self, worker: Worker, operation: str, parameters: Any) -> None:
        """Notes the cost in a summary of a first delivery, or of a media output's record."""
        if not isinstance(worker, Invocation) or (worker.function == "deliver_results" and worker.subject[2]):
            return
        stores = operation in ("PutObject", "CompleteMultipartUpload")
        if stores and parameters["Key"].endswith(f"/{SUMMARY_FILE}"):
            summary = json.loads(self.objects.read(parameters["Bucket"], parameters["Key"]) or b"{}")
            self.summarized[worker.subject[:2]].add(round(add_costs(summary), 9))

    def _note_record(self, worker: Invocation, key: Mapping[str, Any], names: set[str]) -> None:
        """Notes what an update of a job, of the attributes `names`, says that was sent."""
        if any(it.endswith("notice_id") for it in names):
            if "notice" in worker.unrecorded and worker.function == "create_job":
                told = next(it for it in reversed(self.told) if it.invocation == worker.number)
                # In a bucket without versioning, no event says it.
                told.subject = key["upload_id"], int(key["attempt"]), ""
            self._note_recorded(worker, "notice")
        if "event_id" in names:
            self._note_recorded(worker, "event")

    def _note_recorded(self, worker: Invocation, what: str) -> None:
        worker.unrecorded.discard(what)
        self.recorded[worker.number, what] = self.timeline.now

    def may_repeat(self, first: Told | Published, second: Told | Published) -> bool:
        """Returns whether a fault or another invocation came between a notice or an event and its record."""
        key = first.invocation, "notice" if isinstance(first, Told) else "event"
        return self.interrupted.get(key, inf) <= second.at or second.read_at < self.recorded.get(key, 0.0)

    def call_api(self, name: str, request: requests.PreparedRequest) -> Answer | BaseException:
        """Passes a request to the API, or lets a fault strike it."""
        worker = self.timeline.worker
        assert worker
        fault = self._strike(worker, list_api_faults(name), f"api:{name}")
        worker.pause(self.order.uniform(0.001, CONNECT_SECONDS_MAX if fault else 0.1))
        if fault == "killed before":
            worker.die()
        if fault == "unknown" and name == "GET videoinfer":
            self.api.note_lie(request)
        is_storage = name in STORAGE_CALLS
        if answer := refuse(fault, name, request, self.order.choice((1, 30, 400))):
            if not is_storage and isinstance(answer, tuple):
                self.api.arrivals.append(self.timeline.now)
            return answer
        if fault == "trickle" and is_storage:
            worker.trickle = self.order.choice((20.0, 60.0, 200.0))
            worker.pause(worker.trickle if name == "video" else 0.0)
        proper = self.api.handle(request)
        if fault == "killed after":
            worker.die()
        worker.pause(_API_SECONDS.get(fault) or self.order.uniform(0.001, 0.2))
        answer = spoil(proper, fault, name)
        if answer == proper:
            self.api.note_truth(request)
            if name == "POST videoinfer" and isinstance(worker, Invocation) and answer[0] == 200:
                self.answered[answer[1]["job_id"]] = worker.number
        return answer

    def slow_down(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        """Returns a file's `read`, which takes as long as the last fault says."""
        worker = self.timeline.worker
        assert worker
        seconds, worker.trickle = worker.trickle, 0.0

        def read_slowly(*arguments: Any) -> bytes:
            if seconds:
                worker.pause(seconds)
            return read(*arguments)

        return read_slowly

    # What is there

    def note_limit(self) -> None:
        """Notes the limit of requests that the parameters give from now on."""
        self.limits.append((self.timeline.now, int(self.environment["API_REQUESTS_PER_MINUTE"])))

    def tell(self, line: str) -> None:
        """Adds a line to the story."""
        seconds = self.timeline.now - self.api_begin
        hours, rest = divmod(int(seconds), 3600)
        self.story.append(f"{hours:3}:{rest // 60:02}:{rest % 60 + seconds % 1:06.3f}  {line}")

    api_begin = 0.0


def _serve_sqs(stack: Stack, operation: str, parameters: Any) -> Any:
    assert operation == "ChangeMessageVisibility", operation
    stack.uploads.postpone(parameters["ReceiptHandle"], parameters["VisibilityTimeout"])
    return {}


def _serve_sfn(stack: Stack, operation: str, parameters: Any) -> Any:
    match operation:
        case "StartExecution":
            arn = stack.start_execution(parameters["stateMachineArn"], parameters["name"], parameters["input"])
            if arn is None:
                raise Refused("ExecutionAlreadyExists")
            return {"executionArn": arn}
        case "StopExecution":
            if not stack.stop_execution(parameters["executionArn"]):
                raise Refused("ExecutionDoesNotExist")
            return {}
        case "DescribeExecution" | "GetExecutionHistory":
            execution = stack.executions.get(parameters["executionArn"])
            if execution is None:
                raise Refused("ExecutionDoesNotExist")
            if operation == "DescribeExecution":
                return {"input": execution.input, "status": execution.status, "executionArn": execution.arn}
            assert execution.machine
            return {"events": execution.machine.history}
    raise AssertionError(operation)


def _serve_sns(stack: Stack, operation: str, parameters: Any) -> Any:
    assert operation == "Publish", operation
    worker = stack.timeline.worker
    assert isinstance(worker, Invocation)
    outcome = parameters["MessageAttributes"]["outcome"]["StringValue"]
    stack.log_mail(parameters)
    worker.unrecorded.add("notice")
    stack.told.append(
        Told(stack.timeline.now, worker.read_at, worker.subject, outcome, parameters["Message"], worker.number)
    )
    stack.tell(f"{worker.name} tells: {parameters['Subject']}")
    return {"MessageId": f"mail-{len(stack.told)}"}


def _serve_events(stack: Stack, operation: str, parameters: Any) -> Any:
    assert operation == "PutEvents", operation
    worker = stack.timeline.worker
    assert isinstance(worker, Invocation)
    worker.unrecorded.add("event")
    answers = []
    for entry in parameters["Entries"]:
        stack.events.append(Published(stack.timeline.now, worker.read_at, json.loads(entry["Detail"]), worker.number))
        answers.append({"EventId": f"event-{len(stack.events)}"})
    return {"Entries": answers, "FailedEntryCount": 0}


def _serve_secrets(stack: Stack, operation: str, parameters: Any) -> Any:
    return {"SecretString": stack.secrets[parameters["SecretId"]], "Name": parameters["SecretId"]}


def _serve_parameters(stack: Stack, operation: str, parameters: Any) -> Any:
    return {"Parameter": {"Name": parameters["Name"], "Value": stack.secrets.get("routes", "{}")}}


_SERVED: Mapping[str, Callable[[Stack, str, Any], Any]] = {
    "s3": lambda stack, *call: stack.objects.serve(*call),
    "dynamodb": lambda stack, *call: stack.change(*call),
    "sqs": _serve_sqs,
    "stepfunctions": _serve_sfn,
    "sns": _serve_sns,
    "events": _serve_events,
    "secretsmanager": _serve_secrets,
    "ssm": _serve_parameters,
}


def find_subject(function: str, event: Any) -> Subject:
    """Finds what an invocation is about."""
    match function:
        case "create_job":
            requested = next(read_requests(json.loads(event["Records"][0]["body"])), None)
            return (requested.upload.upload_id, requested.attempt, "") if requested else ("", 0, "")
        case "send_digest":
            return "", 0, ""
        case "record_media":
            state = event["state"]
        case _:
            state = read_execution_event(event)
    job = Job.from_input(state)
    return job.upload.upload_id, job.attempt, job.redelivery or ""


@cache
def find_timeout(function: str) -> int:
    """Returns how long a function may take, in seconds."""
    for resource in read_template("pipeline")["Resources"].values():
        properties = resource.get("Properties", {})
        if str(properties.get("CodeUri", "")).strip("/").endswith(f"functions/{function}"):
            return int(properties["Timeout"])
    raise AssertionError(function)


@cache
def load_definition(machine: str) -> Mapping[str, Any]:
    return read_definition(machine)


@cache
def _compile_app(function: str) -> CodeType:
    path = ROOT / "functions" / function / "app.py"
    return compile(path.read_text(), str(path), "exec")


def load_app(function: str, environment: Mapping[str, str], timeline: Timeline) -> Any:
    """Loads a function as a sandbox of its own does, with these variables."""
    app: Any = ModuleType(f"{function}_app")
    exec(_compile_app(function), vars(app))  # noqa: S102  as an import does
    app.os = SimpleNamespace(environ=environment)
    if hasattr(app, "datetime"):
        app.datetime = timeline.datetime
    return app


def make_environment(order: random.Random) -> dict[str, str]:
    """Draws the stack's parameters."""
    values: dict[str, Any] = {
        **vars(SETTINGS),
        "api_url": API_URL,
        "api_key_secret": "api-key",
        "api_requests_per_minute": order.choice((0, 0, 3, 12, 60)),
        "notices": order.choice(("each", "each", "digest", "problems")),
        "notices_topic_arn": "arn:aws:sns:us-east-1:123456789012:notices",
        "prefix_routes": "/routes",
        "state_machine_arn": JOB_MACHINE,
        "uploads_queue_url": QUEUE_URL,
        "outputs": order.choice(("csv", "csv", "webvtt,coco", "csv,webvtt")),
        "retention_days": 30,
        "share_key_secret": "share-key",
        "share_link_days": 7,
        "share_url": "https://share.simulated.example",
        "deadline_hours": order.choice((12, 24)),
        "poll_seconds": order.choice((300, 900, 1800)),
    }
    return {name.upper(): str(value) for name, value in values.items()}


def add_costs(summary: Mapping[str, Any]) -> float:
    """What a job and its media outputs cost by its summary, in US dollars."""
    names = ("cost", "annotation_cost", "dataset_cost")
    return sum((summary[name]["total_usd"] for name in names if name in summary), 0.0)


class _Secrets(SecretsProvider):
    """Keeps secrets as long as a sandbox of its own does."""

    kind = "secrets"

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        super().__init__(boto3_client=_open_client("secretsmanager"))

    @property
    def store(self) -> Any:
        worker = self._timeline.worker
        return worker.sandbox.stores[self.kind] if isinstance(worker, Invocation) else {}

    @store.setter
    def store(self, _: Any) -> None:
        """Does nothing: the sandbox has the store."""


class _Parameters(SSMProvider):
    """The same for Parameter Store."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        super().__init__(boto3_client=_open_client("ssm"))

    @property
    def store(self) -> Any:
        worker = self._timeline.worker
        return worker.sandbox.stores["ssm"] if isinstance(worker, Invocation) else {}

    @store.setter
    def store(self, _: Any) -> None:
        """Does nothing: the sandbox has the store."""


@cache
def _open_client(name: str) -> Any:
    connect: Any = boto3.client
    return connect(name)


@cache
def _open_persistence(table_name: str) -> DynamoDBPersistenceLayer:
    """Making one takes longer than all else that an invocation does."""
    return DynamoDBPersistenceLayer(table_name)


@contextlib.contextmanager
def open_stack(order: random.Random, *, knows_keys: bool, is_versioned: bool) -> Iterator[Stack]:
    """Opens a new stack."""
    timeline = Timeline()
    faults = Faults.draw(order, timeline.now)
    stack = Stack(order, timeline, faults, knows_keys, make_environment(order), is_versioned=is_versioned)
    stack.api_begin = timeline.now
    stack.note_limit()
    wire = ApiWire(lambda *call: stack.call_api(*call), stack.slow_down)

    def make(client: Any, operation: str, parameters: Any) -> Any:
        return stack.watch(client, operation, parameters)

    clocks = (timeline.read_clock, timeline.sleep)
    with contextlib.ExitStack() as entered:
        enter = entered.enter_context
        enter(patch.dict(os.environ, CREDENTIALS | describe_function("simulated", memory_megabytes=512)))
        enter(timeline.installed())
        stack.s3 = connections.connect_s3()
        enter(media.installed(timeline, order, stack.s3))
        enter(patch.object(bucket, "PART_BYTES", PART_BYTES))
        enter(patch.object(bucket, "PIECE_BYTES", PIECE_BYTES))
        enter(patch.object(BaseClient, "_make_api_call", make))
        enter(patch.object(connections, "open_session", lambda _: wire.session()))
        enter(patch.object(SharedTurns.__init__, "__defaults__", clocks))
        enter(patch.object(AcceptedVideos.__init__, "__defaults__", (timeline.read_clock,)))
        enter(patch.object(Meter, "start", lambda _: Meter(512, timeline.read_clock())))
        enter(patch.object(idempotency, "DynamoDBPersistenceLayer", _open_persistence))
        enter(patch.object(logger.registered_handler, "stream", stack.log))
        providers = {"secrets": _Secrets(timeline), "ssm": _Parameters(timeline)}
        enter(patch.dict(DEFAULT_PROVIDERS, providers))
        enter(contextlib.redirect_stdout(stack.log))
        yield stack
