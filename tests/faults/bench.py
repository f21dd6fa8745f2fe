"""A deployed pipeline, driven by hand: its functions run here, where their wires can be cut, on the embedded AWS.

The functions read the environment that the template gives them and work on the stack's own tables, buckets and topics.
What SQS and Step Functions do is played: a message that was not dealt with comes again, and the template's own state
machine takes its steps in this process, both without the waiting between tries.
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
from videojobs.jobs.uploads import JobRequest, Upload, read_uploads
from videojobs.jobs.uploads_queue import RECEIVES_MAX
from videojobs.jobs.workflow import locate_execution, start_redelivery

ALL_DONE = {"batchItemFailures": list[Any]()}

_ENDS_QUEUE = find_resources("pipeline", "AWS::SQS::Queue")["ExecutionEndsQueue"]["Properties"]
REPORTS_MAX: int = _ENDS_QUEUE["RedrivePolicy"]["maxReceiveCount"]
"""How often the report of an execution's end may fail before its event is a dead letter."""

HOSTS = 2
"""As many invocations go on side by side."""

SECONDS_LEFT = {"create_job": 0.05, "check_job": 90, "deliver_results": 900, "report_failure": 90}
"""How long an invocation may take. Powertools locks an upload for as long as `create_job` may take, so a call after a
crash need not wait for long.
"""

type WireFaults = Mapping[str, Sequence[Sequence[WireFault]]]
"""Of each function the faults of its first invocation, its second, and so on. One whose call does not come in its
invocation waits for the next.
"""


@dataclass
class Story:
    """What became of one upload.

    Attributes:
        attempt: The latest.
        faults: Those to come, by function and invocation.
        clocks: By function, by how many seconds its clock is ahead.
        outcomes: Of every invocation, with the name of its function, in order.
        item: The ledger's.
        jobs: How many the API made, each of which is billed.
        notices: Those that were delivered, about whatever version of the key.
        results: `results.json` as it lies in the bucket.
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
    """Whether the invocation came to the call that the fault is about."""
    if fault.kind.startswith("kill"):
        return outcome.killed
    calls = iter(outcome.calls)
    return (not fault.after or any(call.startswith(fault.after) for call in calls)) and any(
        call.startswith(fault.call or "") for call in calls
    )


class InvocationFailed(Exception):
    """A function raised, or its process ended; what Step Functions hears of it."""


class FunctionHost:
    """The process that the functions run in; see `function_host`."""

    def __init__(self, endpoint_url: str) -> None:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        layers = (PIPELINE.folder / "build" / layer / "python" for layer in ("VideoJobsLayer", "TablesLayer"))
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
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(invocation)) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)


@dataclass
class Bench:
    """The pipeline whose functions run here."""

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
        self, key: str, script: Script | None = None, metadata: Mapping[str, str] = MappingProxyType({})
    ) -> Upload:
        """Puts a video into the bucket; nobody but `run` takes note of it."""
        if script:
            self.api.scripts[key] = deepcopy(script)
        return put_video(self.pipeline, key, metadata)

    def invoke(
        self, story: Story, function: str, event: Any, faults: Sequence[WireFault] = (), *, seconds: float | None = None
    ) -> Outcome:
        """Calls a function, which has `seconds` left, or else what `SECONDS_LEFT` says."""
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
        """Everything that the pipeline does about an upload, from its event to its end."""
        story = self.begin(upload, faults)
        self.receive(story)
        if self.find_execution(story):
            self.wait_for(story)
        return story

    def begin(self, upload: Upload, faults: WireFaults | None = None) -> Story:
        """A story in which nothing has happened yet."""
        story = Story(upload, faults={function: list(each) for function, each in (faults or {}).items()})
        self.stories.append(story)
        return story

    def step(self, story: Story, function: str, event: Any) -> Any:
        """Calls a function, as Lambda does for SQS or Step Functions."""
        upcoming = story.faults.setdefault(function, [])
        faults = upcoming.pop(0) if upcoming else ()
        outcome = self.invoke(story, function, event, faults)
        if to_come := [fault for fault in faults if not has_struck(fault, outcome)]:
            upcoming[:1] = [[*to_come, *(upcoming[0] if upcoming else ())]]
        if outcome.killed or outcome.raised:
            raise InvocationFailed(outcome.raised or "the process ended")
        return outcome.returned

    def receive(self, story: Story, receives_max: int = RECEIVES_MAX) -> bool:
        """The upload's message, as often as it takes, or until it has come so often.

        Returns whether it was dealt with.
        """
        for receives in range(1, receives_max + 1):
            with suppress(InvocationFailed):
                if self.step(story, "create_job", self.compose_message(story, receives)) == ALL_DONE:
                    return True
            time.sleep(0.1)  # by then the lock of an invocation that died is void
        return False

    def retry(self, story: Story) -> None:
        """What `videoinfer retry` asks for: a further attempt."""
        story.attempt += 1
        self.receive(story)
        self.wait_for(story)

    def redeliver(self, story: Story) -> None:
        """What `videoinfer redeliver` starts, and all that follows it."""
        sfn, machine = self.aws.clients.stepfunctions, self.pipeline.pipeline.state_machine_arn
        job = Job.from_item(self.ledger.read(story.upload, story.attempt) or {})
        arn = start_redelivery(sfn, machine, job, polls=1, now=datetime.now(UTC))
        started = json.loads(sfn.describe_execution(executionArn=arn)["input"])
        StateMachine(self.definition, partial(self.step, story), None).run(started)

    def compose_message(self, story: Story, receives: int = 1) -> Any:
        """What Lambda gets of the queue."""
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
        sqs.send_message(QueueUrl=queue_url, MessageBody="{}")  # whose turn it is does not matter: any can be postponed
        received = sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=600)["Messages"][0]
        record["receiptHandle"] = received["ReceiptHandle"]
        record["attributes"] |= {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": str(time.time_ns() // 10**6),
        }
        return event

    def cancel(self, story: Story) -> None:
        """What `videoinfer cancel` does."""
        [item, *_] = LedgerView(self.aws.clients.dynamodb, self.pipeline.pipeline.jobs_table).read_all(
            [{"upload_id": story.upload.upload_id, "attempt": story.attempt}]
        )
        cancel_job(self.aws.clients.stepfunctions, self.pipeline.pipeline.state_machine_arn, self.ledger, item)

    def find_execution(self, story: Story) -> Any:
        """The execution that waits for the job, or None."""
        sfn = self.aws.clients.stepfunctions
        arn = locate_execution(self.pipeline.pipeline.state_machine_arn, story.upload, story.attempt)
        try:
            return sfn.describe_execution(executionArn=arn)
        except sfn.exceptions.ExecutionDoesNotExist:
            return None

    def wait_for(self, story: Story) -> None:
        """The execution, and the event about it if it fails."""
        if event := self.execute(story):
            self.report(story, event)

    def execute(self, story: Story) -> Any:
        """The execution. Returns the event of one that failed, or None."""
        execution = self.find_execution(story)
        started, arn = json.loads(execution["input"]), execution["executionArn"]
        try:
            StateMachine(self.definition, partial(self.step, story), None).run(started)
        except (ExecutionFailed, InvocationFailed):
            detail = {"status": "FAILED", "executionArn": arn, "input": json.dumps(started)}
            return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
        return None

    def report(self, story: Story, event: Any, receives_max: int = REPORTS_MAX) -> bool:
        """The event's message in the queue of `report_failure`, as often as it takes, or until it has come so often.

        Returns whether it was dealt with.
        """
        message = json.loads((ROOT / "events" / "report_failure" / "queue.json").read_text())
        message["Records"][0]["body"] = json.dumps(event)
        for _ in range(receives_max):
            with suppress(InvocationFailed):
                self.step(story, "report_failure", message)
                return True
        return False

    def pass_by_queue(self, body: str, receives: int) -> Iterator[str]:
        """Sends an event to the queue of executions that failed, and yields it until it is a dead letter."""
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
        """Whether an event lies in the dead-letter queue, as far as one look tells."""
        answer = self.aws.clients.sqs.receive_message(
            QueueUrl=self.ends_dead_letters_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return any(message["Body"] == body for message in answer.get("Messages", ()))

    def finish(self) -> None:
        """Reads what became of every upload that was run."""
        read_ends(self.stories, self.pipeline, self.ledger, self.api)


def read_ends(stories: Sequence[Story], pipeline: DeployedPipeline, ledger: Ledger, api: FaultyApi) -> None:
    """Reads what became of the uploads, and every notice that is out."""
    notices = list(_drain_notices(pipeline))
    for story in stories:
        story.item = ledger.read(story.upload, story.attempt) or {}
        story.jobs = api.count_jobs(story.video)
        story.notices = [notice for notice in notices if f"{story.upload.uri}\n" in notice.text]
        if location := story.item.get("results_location"):
            bucket, key = location.removeprefix("s3://").split("/", 1)
            story.results = pipeline.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _drain_notices(pipeline: DeployedPipeline) -> Iterator[ReceivedNotice]:
    sqs, url = pipeline.clients.sqs, pipeline.notices_queue_url
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            envelope = json.loads(message["Body"])
            yield ReceivedNotice(envelope["Subject"], envelope["Message"])


def open_ledger(pipeline: DeployedPipeline) -> Ledger:
    endpoint_url = pipeline.clients.dynamodb.meta.endpoint_url
    dynamodb = local_session().resource("dynamodb", endpoint_url=endpoint_url)
    return Ledger(dynamodb.Table(pipeline.pipeline.jobs_table))


def put_video(pipeline: DeployedPipeline, key: str, metadata: Mapping[str, str] = MappingProxyType({})) -> Upload:
    """Puts a video into the bucket."""
    [upload] = read_uploads(json.loads(pipeline.compose_event(pipeline.upload(key, b"video", metadata))))
    return upload


@contextmanager
def open_bench(aws: EmbeddedAws, api: FaultyApi, pipeline: DeployedPipeline) -> Iterator[Bench]:
    """Takes a pipeline that was just deployed, to be driven by hand from now on."""
    clients = aws.clients
    ends_queue_url, ends_dead_letters_url = (
        find_resource(clients, pipeline.stack, name) for name in ("ExecutionEndsQueue", "ExecutionEndsDeadLetterQueue")
    )
    for url in (pipeline.pipeline.uploads_queue_url, ends_queue_url):
        attributes = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        arn = attributes["QueueArn"]
        for mapping in clients.lambda_.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]:
            clients.lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    # Executions are begun, and so their names are taken, but the steps are taken here.
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
    """The name that a stack's resource goes by, or a queue's URL."""
    found = clients.cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return found["StackResourceDetail"]["PhysicalResourceId"]
