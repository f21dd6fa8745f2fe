"""A deployed pipeline driven by hand, on the embedded AWS: its functions run where their connections can be cut.

The functions read the environment that the template gives them and use the stack's own tables, buckets and topics. The
bench plays SQS and Step Functions: it sends a failed message again, and runs the template's own state machine in this
process, both without waits between tries. By AWS's documentation:

- how SQS sends a message again until it is a dead letter:
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html;
- how Lambda reports the messages of a batch that failed (`batchItemFailures`):
  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from queue import Queue
from types import MappingProxyType
from typing import Any

from tests.faults.function_host import Invocation, Outcome, WireFault
from tests.lambda_runtime import describe_function
from tests.local_aws.pipelines import DeployedPipeline
from tests.permissions import list_functions
from tests.stand_ins.faulty_api import FaultyApi, Script, Video
from tests.stand_ins.state_machine import ExecutionFailed, StateMachine
from tests.templates import ROOT, find_resources, read_definition
from videoinfer.aws_clients import AwsClients
from videoinfer.cancelling import cancel_job
from videoinfer.ledger_view import LedgerView
from videoinfer.local.builds import PIPELINE
from videoinfer.local.embedded_aws import EmbeddedAws, local_session
from videoinfer.notices_queue import ReceivedNotice
from videoinfer.repository import LAMBDA_PYTHON, require_tool
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.uploads import JobRequest, Upload, read_requests
from videojobs.jobs.uploads_queue import RECEIVES_MAX
from videojobs.jobs.workflow import locate_execution, start_redelivery

ALL_DONE = {"batchItemFailures": list[Any]()}

_ENDS_QUEUE = find_resources("pipeline", "AWS::SQS::Queue")["ExecutionEndsQueue"]["Properties"]
REPORTS_MAX: int = _ENDS_QUEUE["RedrivePolicy"]["maxReceiveCount"]
"""How often the report of a failed execution may fail before its event becomes a dead letter."""

HOSTS = 2
"""How many invocations run at the same time."""

SECONDS_LEFT = {
    "create_job": 0.05,
    "check_job": 90,
    "deliver_results": 900,
    "make_dataset": 900,
    "record_media": 90,
    "report_failure": 90,
}
"""Seconds that an invocation may take. Powertools locks an upload for as long as `create_job` may take, so a short time
there shortens the wait after a crash.
"""

type WireFaults = Mapping[str, Sequence[Sequence[WireFault]]]
"""Each function's faults, by its first invocation, its second, and so on. A fault whose call does not happen in its
invocation moves on to the next invocation.
"""


@dataclass
class Story:
    """What happened to one upload.

    Attributes:
        attempt: The latest attempt.
        faults: The faults still to come, by function and invocation.
        clocks: How many seconds a function's clock is ahead, by function.
        outcomes: Every invocation's function and outcome, in order.
        item: The ledger's item.
        jobs: How many jobs the API created; each is billed.
        notices: The delivered notices about any version of the key.
        results: The content of `results.json` in the bucket.
    """

    upload: Upload
    attempt: int = 1
    faults: dict[str, list[Sequence[WireFault]]] = field(default_factory=dict)
    clocks: dict[str, float] = field(default_factory=dict)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    item: dict[str, Any] = field(default_factory=dict)
    jobs: int = 0
    notices: list[ReceivedNotice] = field(default_factory=list)
    results: bytes | None = None

    @property
    def video(self) -> Video:
        return Video(self.upload.key, self.upload.version_id or "")

    @property
    def log(self) -> str:
        return "".join(outcome.log for _, outcome in self.outcomes)


def has_struck(fault: WireFault, outcome: Outcome) -> bool:
    """Tells whether the invocation reached the call that the fault concerns."""
    if fault.kind.startswith("kill"):
        return outcome.killed
    calls = iter(outcome.calls)
    return (not fault.after or any(call.startswith(fault.after) for call in calls)) and any(
        call.startswith(fault.call or "") for call in calls
    )


class InvocationFailed(Exception):
    """A function raised an error, or its process ended. Step Functions sees both as a failed task."""


class FunctionHost:
    """Runs `tests.faults.function_host` in a process of its own, which runs the functions.

    Args:
        endpoint_url: The embedded AWS's address.
    """

    def __init__(self, endpoint_url: str) -> None:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        layers = (
            PIPELINE.folder / "build" / layer / "python" for layer in ("VideoJobsLayer", "TablesLayer", "DrawingLayer")
        )
        path = ":".join(map(str, (ROOT, *layers)))
        self._process = subprocess.Popen(
            [require_tool(LAMBDA_PYTHON), "-m", "tests.faults.function_host"],
            cwd=ROOT,
            env={"PATH": "", "PYTHONPATH": path, "AWS_ENDPOINT_URL": endpoint_url} | credentials,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def invoke(self, invocation: Invocation) -> Outcome:
        """Runs an invocation and waits for its outcome."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(invocation)) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)


@dataclass
class Bench:
    """A deployed pipeline whose functions run here.

    Attributes:
        api: The API that the pipeline uses.
        hosts: The idle processes that run functions.
        ends_queue_url: The queue of events about failed executions.
        ends_dead_letters_url: That queue's dead-letter queue.
        environments: Each function's environment variables.
        ledger: The stack's jobs table.
        definition: The state machine's definition.
        stories: Every story that was begun.
    """

    aws: EmbeddedAws
    pipeline: DeployedPipeline
    api: FaultyApi
    hosts: Queue[FunctionHost]
    ends_queue_url: str
    ends_dead_letters_url: str
    environments: Mapping[str, Mapping[str, str]]
    ledger: Ledger
    definition: Mapping[str, Any]
    stories: list[Story] = field(default_factory=list)

    def upload(
        self,
        key: str,
        script: Script | None = None,
        metadata: Mapping[str, str] = MappingProxyType({}),
        video: bytes = b"video",
    ) -> Upload:
        """Puts a video into the bucket. No function runs until `run` or `receive` is called.

        Args:
            key: The object's key.
            script: The API's faulty answers about it.
            metadata: The object's user metadata.
            video: The object's content.
        """
        if script:
            self.api.scripts[key] = deepcopy(script)
        return put_video(self.pipeline, key, metadata, video)

    def invoke(
        self, story: Story, function: str, event: Any, faults: Sequence[WireFault] = (), *, seconds: float | None = None
    ) -> Outcome:
        """Calls a function.

        Args:
            story: The story that the outcome is added to.
            function: The name of the function's folder.
            event: The function's event.
            faults: What happens to the function's calls.
            seconds: How long it may take; by default as long as `SECONDS_LEFT` says.
        """
        clock = story.clocks.get(function, 0)
        seconds_left = SECONDS_LEFT[function] if seconds is None else seconds
        host = self.hosts.get()
        try:
            invocation = Invocation(function, event, self.environments[function], faults, seconds_left, clock)
            outcome = host.invoke(invocation)
        finally:
            self.hosts.put(host)
        story.outcomes.append((function, outcome))
        return outcome

    def run(self, upload: Upload, faults: WireFaults | None = None) -> Story:
        """Runs the whole pipeline for an upload, from S3's event to the end."""
        story = self.begin(upload, faults)
        self.receive(story)
        if self.find_execution(story):
            self.wait_for(story)
        return story

    def begin(self, upload: Upload, faults: WireFaults | None = None) -> Story:
        """Begins a story, without running anything."""
        story = Story(upload, faults={function: list(each) for function, each in (faults or {}).items()})
        self.stories.append(story)
        return story

    def step(self, story: Story, function: str, event: Any) -> Any:
        """Calls a function with its next faults, as Lambda does for SQS or Step Functions, and returns its answer.

        Raises:
            InvocationFailed: The function raised an error, or its process ended.
        """
        upcoming = story.faults.setdefault(function, [])
        faults = upcoming.pop(0) if upcoming else ()
        outcome = self.invoke(story, function, event, faults)
        if to_come := [fault for fault in faults if not has_struck(fault, outcome)]:
            upcoming[:1] = [[*to_come, *(upcoming[0] if upcoming else ())]]
        if outcome.killed or outcome.raised:
            raise InvocationFailed(outcome.raised or "the process ended")
        return outcome.returned

    def receive(self, story: Story, receives_max: int = RECEIVES_MAX) -> bool:
        """Passes the upload's message to `create_job` until it is processed, or has been received `receives_max` times.

        Returns:
            Whether it was processed.
        """
        for receives in range(1, receives_max + 1):
            with suppress(InvocationFailed):
                if self.step(story, "create_job", self.compose_message(story, receives)) == ALL_DONE:
                    return True
            time.sleep(0.1)  # by then the lock of an invocation that died has expired
        return False

    def retry(self, story: Story) -> None:
        """Makes another attempt, as after `videoinfer retry`."""
        story.attempt += 1
        self.receive(story)
        self.wait_for(story)

    def redeliver(self, story: Story) -> None:
        """Runs a redelivery, as after `videoinfer redeliver`."""
        sfn, machine = self.aws.clients.stepfunctions, self.pipeline.pipeline.state_machine_arn
        job = Job.from_item(self.ledger.read(story.upload, story.attempt) or {})
        arn = start_redelivery(sfn, machine, job, polls=1, now=datetime.now(UTC))
        started = json.loads(sfn.describe_execution(executionArn=arn)["input"])
        StateMachine(self.definition, partial(self.step, story), None).run(started)

    def compose_message(self, story: Story, receives: int = 1) -> Any:
        """Makes the event with which Lambda passes the upload's message from the queue to `create_job`."""
        upload = story.upload
        queue_url = self.pipeline.pipeline.uploads_queue_url
        sqs = self.aws.clients.sqs
        event = json.loads((ROOT / "events" / "create_job" / "queue.json").read_text())
        [record] = event["Records"]
        body = json.loads(record["body"])
        s3 = body["Records"][0]["s3"]
        s3["bucket"]["name"] = upload.bucket
        s3["object"] |= {
            "key": upload.key, "size": upload.size_bytes, "eTag": upload.etag, "versionId": upload.version_id,
        }  # fmt: skip
        if story.attempt > 1:
            body = {"job_requests": [JobRequest(upload, story.attempt).to_dict()]}
        record["body"] = json.dumps(body)
        sqs.send_message(QueueUrl=queue_url, MessageBody="{}")  # any received message can be postponed
        received = sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=600)["Messages"][0]
        record["receiptHandle"] = received["ReceiptHandle"]
        record["attributes"] |= {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": str(time.time_ns() // 10**6),
        }
        return event

    def cancel(self, story: Story) -> None:
        """Cancels the job as `videoinfer cancel` does."""
        [item, *_] = LedgerView(self.aws.clients.open_table(self.pipeline.pipeline.jobs_table)).read_all(
            [{"upload_id": story.upload.upload_id, "attempt": story.attempt}]
        )
        cancel_job(self.aws.clients.stepfunctions, self.pipeline.pipeline.state_machine_arn, self.ledger, item)

    def find_execution(self, story: Story) -> Any:
        """Returns the execution that waits for the job, or None."""
        sfn = self.aws.clients.stepfunctions
        arn = locate_execution(self.pipeline.pipeline.state_machine_arn, story.upload, story.attempt)
        try:
            return sfn.describe_execution(executionArn=arn)
        except sfn.exceptions.ExecutionDoesNotExist:
            return None

    def wait_for(self, story: Story) -> None:
        """Runs the execution, and reports its failure if it fails."""
        if event := self.execute(story):
            self.report(story, event)

    def execute(self, story: Story) -> Any:
        """Runs the execution's steps; returns the event about a failed execution, or None.

        The event: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html.
        """
        execution = self.find_execution(story)
        started, arn = json.loads(execution["input"]), execution["executionArn"]
        try:
            StateMachine(self.definition, partial(self.step, story), None).run(started)
        except (ExecutionFailed, InvocationFailed):
            detail = {"status": "FAILED", "executionArn": arn, "input": json.dumps(started)}
            return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        return None

    def report(self, story: Story, event: Any, receives_max: int = REPORTS_MAX) -> bool:
        """Passes an event about a failed execution to `report_failure`, as `receive` does for uploads.

        Returns:
            Whether it was processed.
        """
        message = json.loads((ROOT / "events" / "report_failure" / "queue.json").read_text())
        message["Records"][0]["body"] = json.dumps(event)
        for _ in range(receives_max):
            with suppress(InvocationFailed):
                self.step(story, "report_failure", message)
                return True
        return False

    def pass_by_queue(self, body: str, receives: int) -> Iterator[str]:
        """Sends an event to the queue of failed executions, and yields it at each receive until it is a dead letter."""
        sqs, url = self.aws.clients.sqs, self.ends_queue_url
        policy = json.loads(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        )
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": receives})}
        )
        sqs.send_message(QueueUrl=url, MessageBody=body)
        # Executions that other cases stop send their events to the same queue.
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get(
            "Messages"
        ):
            yield from (message["Body"] for message in messages if message["Body"] == body)

    def has_dead_letter(self, body: str) -> bool:
        """Tells whether an event is among the dead letters that one receive returns."""
        answer = self.aws.clients.sqs.receive_message(
            QueueUrl=self.ends_dead_letters_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return any(message["Body"] == body for message in answer.get("Messages", ()))

    def finish(self) -> None:
        """Reads how every upload that was run ended."""
        read_ends(self.stories, self.pipeline, self.ledger, self.api)


def read_ends(stories: Sequence[Story], pipeline: DeployedPipeline, ledger: Ledger, api: FaultyApi) -> None:
    """Reads how the stories' uploads ended, and all notices."""
    notices = list(_drain_notices(pipeline))
    for story in stories:
        story.item = ledger.read(story.upload, story.attempt) or {}
        story.jobs = api.count_jobs(story.video)
        story.notices = [notice for notice in notices if f"Video: {story.upload.uri}" in notice.text.splitlines()]
        if location := story.item.get("results_location"):
            bucket, key = location.removeprefix("s3://").split("/", 1)
            story.results = pipeline.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _drain_notices(pipeline: DeployedPipeline) -> Iterator[ReceivedNotice]:
    sqs, url = pipeline.clients.sqs, pipeline.notices_queue_url
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield ReceivedNotice.read(message["Body"])


def open_ledger(pipeline: DeployedPipeline) -> Ledger:
    """Opens a deployed pipeline's jobs table."""
    endpoint_url = pipeline.clients.dynamodb.meta.endpoint_url
    dynamodb = local_session().resource("dynamodb", endpoint_url=endpoint_url)
    return Ledger(dynamodb.Table(pipeline.pipeline.jobs_table))


def put_video(
    pipeline: DeployedPipeline,
    key: str,
    metadata: Mapping[str, str] = MappingProxyType({}),
    video: bytes = b"video",
) -> Upload:
    """Puts a video into the bucket, and returns it as S3's event describes it."""
    [request] = read_requests(json.loads(pipeline.compose_event(pipeline.upload(key, video, metadata))))
    return request.upload


@contextmanager
def open_bench(aws: EmbeddedAws, api: FaultyApi, pipeline: DeployedPipeline) -> Iterator[Bench]:
    """Opens a pipeline that was just deployed, so that only the bench drives it."""
    clients = aws.clients
    ends_queue_url, ends_dead_letters_url = (
        find_resource(clients, pipeline.stack, name) for name in ("ExecutionEndsQueue", "ExecutionEndsDeadLetterQueue")
    )
    for url in (pipeline.pipeline.uploads_queue_url, ends_queue_url):
        attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        arn = attributes["QueueArn"]
        for mapping in clients.lambda_.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]:
            clients.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    # Starting an execution takes its name, but its steps run here.
    at_once = {"StartAt": "Begun", "States": {"Begun": {"Type": "Succeed"}}}
    clients.stepfunctions.update_state_machine(
        stateMachineArn=pipeline.pipeline.state_machine_arn, definition=json.dumps(at_once)
    )
    environments = {}
    for function, logical_id in list_functions("pipeline").items():
        name = find_resource(clients, pipeline.stack, logical_id)
        configuration = clients.lambda_.get_function_configuration(FunctionName=name)
        memory = configuration["MemorySize"]
        variables = configuration["Environment"]["Variables"]
        environments[function] = variables | describe_function(name, memory_megabytes=memory)
    with ExitStack() as stack:
        hosts = Queue[FunctionHost]()
        for _ in range(HOSTS):
            host = FunctionHost(aws.endpoint_url)
            stack.callback(host.close)
            hosts.put(host)
        yield Bench(
            aws,
            pipeline,
            api,
            hosts,
            ends_queue_url,
            ends_dead_letters_url,
            environments,
            open_ledger(pipeline),
            read_definition("pipeline"),
        )


def find_resource(clients: AwsClients, stack: str, logical_id: str) -> str:
    """The physical id of a stack's resource: its name, or a queue's URL."""
    found = clients.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return found["StackResourceDetail"]["PhysicalResourceId"]
