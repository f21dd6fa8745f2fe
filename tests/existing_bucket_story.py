"""Objects in a bucket that the stack did not make, with S3's events doubled, reordered and late, and failed deliveries.

`python -m tests.existing_bucket_story 10000` writes 10,000 keys into a bucket without versioning, and into one with it,
and prints what became of them. AWS is moto; `create_job`'s own handler gets the events, in the form of
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html, and `videoinfer backfill` finds the objects that
were there before.
"""

import contextlib
import functools
import importlib.util
import json
import os
import random
import sys
import time
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args
from unittest.mock import patch
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import requests
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from boto3.dynamodb.conditions import Key
from botocore.client import BaseClient
from moto import mock_aws

from tests.lambda_runtime import invoke
from tests.pipeline_stacks import make_stack
from tests.stand_ins.wire import Wire
from tests.templates import ROOT
from tests.unit.videojobs.test_create_job import SETTINGS
from videoinfer.aws_clients import AwsClients
from videoinfer.backfill import carry_out, plan_backfill
from videojobs import connections
from videojobs.api.turns import Turn, UnlimitedTurns
from videojobs.errors import TurnLater
from videojobs.jobs import idempotency, ledger
from videojobs.jobs.intake import UploadFilter
from videojobs.jobs.stored_video import ARCHIVE_CLASSES
from videojobs.jobs.uploads import Upload, find_fault
from videojobs.logs import logger

BUCKET = "footage"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

type Fault = Literal["down", "turn", "answered", "recorded"]
"""What makes a delivery fail: the API is down, the upload has to wait for its turn, or the function's process ends when
the API has answered, or when that is recorded.
"""

FAULTS: tuple[Fault, ...] = get_args(Fault.__value__)

_STEMS: tuple[Callable[[int], str], ...] = (
    lambda number: f"cameras/line {number}/morning shift",
    lambda number: f"cameras/{number}/" + unicodedata.normalize("NFC", "Übergabe é"),
    lambda number: f"cameras/{number}/" + unicodedata.normalize("NFD", "Übergabe é"),
    lambda number: f"a+b&c={number}",
    lambda number: f"100%41 {number}%",
    lambda number: f'it\'s "{number}" `$HOME`',
    lambda number: f"🎥/日本語/{number}",
    lambda number: f"{number}//double//slash",
    lambda number: f"long/{number}/" + "ä" * 370,
    lambda number: f"plain/{number}",
)
_REJECTED_STEMS: tuple[Callable[[int], str], ...] = (
    lambda number: f"/leading/slash-{number}",
    lambda number: f"up/../{number}",
    lambda number: f"too-long/{number}/" + "ä" * 480,
)
_ENDINGS = (*(".mp4", ".MP4", ".mkv", ".webm", ".avi", ".mp4"), *(".jpg", ".json", ".mp4.part", "", "/"))

_RETURN_EVERY, _REPLACE_EVERY, _REWRITE_EVERY, _ARCHIVE_EVERY, _EMPTY_EVERY, _REJECT_EVERY, _OLD_EVERY = (
    13,
    23,
    19,
    31,
    37,
    41,
    7,
)


@dataclass(frozen=True)
class Write:
    """One object that was written; `sequencer` orders the writes of a key."""

    upload: Upload
    sequencer: str
    is_archived: bool
    number: int
    written_at: datetime

    @property
    def has_event(self) -> bool:
        """Whether the bucket sent its events already."""
        return self.number % _OLD_EVERY > 0

    def compose_event(self) -> dict[str, Any]:
        """Makes S3's event in the form of EventBridge."""
        about = {"key": self.upload.key, "size": self.upload.size_bytes, "etag": self.upload.etag}
        version = {"version-id": self.upload.version_id} if self.upload.version_id else {}
        return {
            "version": "0",
            "id": f"17793124-05d4-b198-2fde-{self.number:012x}",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "123456789012",
            "time": self.written_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": "us-east-1",
            "resources": [f"arn:aws:s3:::{BUCKET}"],
            "detail": {
                "version": "0",
                "bucket": {"name": BUCKET},
                "object": {**about, **version, "sequencer": self.sequencer},
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "123456789012",
                "source-ip-address": "203.0.113.7",
                "reason": "PutObject",
            },
        }


class Killed(BaseException):
    """Ends the function's process: no code of the function may catch it."""


class CountingApi(Wire):
    """A Video Inference API that creates one job for each idempotency key, and keeps what each is about.

    Attributes:
        fault: What happens to the calls of this delivery.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, tuple[str, str | None]] = {}
        self.fault: Fault | None = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self.fault == "down":
            self.answers.append((503, {}))
            return super().send(request, *args, **kwargs)
        url = urlsplit(json.loads(request.body or "")["input_url"])
        key = request.headers["Idempotency-Key"]
        self.jobs.setdefault(key, (unquote(url.path)[1:], parse_qs(url.query).get("versionId", [None])[0]))
        if self.fault == "answered":
            raise Killed
        self.answers.append((200, {"job_id": f"job-{list(self.jobs).index(key)}", "idempotency_key": key}))
        return super().send(request, *args, **kwargs)


@dataclass
class World:
    """The bucket, the function and what happened.

    Attributes:
        calls: How often each of S3's operations was called by the function and the command.
        seconds: Since `BEGIN`. Each write and each delivery takes a second.
        claimed: The ID of the last idempotency record that the function claimed.
    """

    app: ModuleType
    s3: Any
    is_versioned: bool
    api: CountingApi = field(default_factory=CountingApi)
    writes: list[Write] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    events: int = 0
    is_counting: bool = False
    seconds: int = 0
    claimed: str = ""

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)

    def put(self, key: str, body: bytes, storage_class: str = "STANDARD") -> None:
        number = len(self.writes)
        self.seconds += 1
        answer = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, StorageClass=storage_class)
        etag, version_id = answer["ETag"].strip('"'), answer.get("VersionId")
        upload = Upload(bucket=BUCKET, key=key, size_bytes=len(body), etag=etag, version_id=version_id)
        # S3's sequencers may differ in length.
        sequencer = f"{number + 250:X}" if number % 2 else f"{number + 250:018X}"
        self.writes.append(Write(upload, sequencer, storage_class in ARCHIVE_CLASSES, number, self.now))

    def fill(self, count: int) -> dict[str, bytes]:
        """Writes `count` keys, some of them twice. Returns the contents that are written again later, by key."""
        returning: dict[str, bytes] = {}
        for number in range(count):
            stems = _REJECTED_STEMS if number % _REJECT_EVERY == 0 else _STEMS
            stem, ending = stems[number % len(stems)](number), _ENDINGS[number % len(_ENDINGS)]
            is_empty = ending == "/" or number % _EMPTY_EVERY == 0
            body = b"" if is_empty else f"video {number}".encode()
            storage_class = ARCHIVE_CLASSES[number % 2] if number % _ARCHIVE_EVERY == 0 else "STANDARD"
            if number % _REPLACE_EVERY == 0:
                self.put(stem + ending, b"replaced")
            if number % _REWRITE_EVERY == 0:
                self.put(stem + ending, body, storage_class)
            self.put(stem + ending, body, storage_class)
            if number % _RETURN_EVERY == 0:
                returning[stem + ending] = body
                self.put(stem + ending, b"in between")
        return returning

    def deliver(self, bodies: Iterable[Any], list_faults: Callable[[], list[Fault]] = list) -> None:
        """Calls the function with messages of the uploads queue, one at a time, until it has accepted each.

        Args:
            list_faults: Returns what happens to the first deliveries of a message. It then returns to the queue.
        """
        queue = deque((body, list_faults()) for body in bodies)
        while queue:
            body, faults = queue.popleft()
            fault = faults.pop() if faults else None
            if not self.try_to_deliver(body, fault):
                assert fault, f"The function does not accept {body}"
                queue.append((body, faults))

    def try_to_deliver(self, body: Any, fault: Fault | None = None) -> bool:
        """Calls the function with a message of the uploads queue. Returns whether it has accepted it."""
        self.events += 1
        self.seconds += 1
        record = {
            "messageId": str(self.events),
            "receiptHandle": "r",
            "body": json.dumps(body),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1793607330000"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "awsRegion": "us-east-1",
        }
        self.api.fault = fault
        try:
            answer = self._count(functools.partial(invoke, self.app.handler, {"Records": [record]}))
        except Killed:
            self._wait_for_timeout()
            return False
        finally:
            self.api.fault = None
        return bool(answer == {"batchItemFailures": []})

    def _wait_for_timeout(self) -> None:
        """Until a killed function would have timed out, Powertools refuses to call it again."""
        boto3.resource("dynamodb").Table("idempotency").update_item(
            Key={"id": self.claimed},
            UpdateExpression="SET in_progress_expiration = :past",
            ConditionExpression="#status = :running",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":past": 0, ":running": "INPROGRESS"},
        )

    def backfill(self, queue_url: str) -> int:
        """Requests jobs for objects without one, and delivers the requests. Returns their number."""
        clients = AwsClients(boto3.Session(region_name="us-east-1"))
        fields = {"uploads_bucket": BUCKET, "uploads_queue_url": queue_url, "has_existing_bucket": True}
        stack = make_stack(clients, **fields, upload_extensions="videos")
        self._count(lambda: carry_out(stack, list(plan_backfill(stack, BUCKET, ""))))
        bodies: list[Any] = []
        while messages := clients.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [json.loads(it["Body"]) for it in messages]
            for it in messages:
                clients.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=it["ReceiptHandle"])
        self.deliver(bodies)
        return len(bodies)

    def _count(self, act: Callable[[], Any]) -> Any:
        self.is_counting = True
        try:
            return act()
        finally:
            self.is_counting = False

    def watch(self, make: Callable[..., Any], client: Any, operation: str, parameters: Any) -> Any:
        if operation == "ChangeMessageVisibility":
            return {}  # the messages are in no queue
        if operation == "PutItem" and parameters["TableName"] == "idempotency":
            self.claimed = parameters["Item"]["id"]["S"]
        if operation == "StartExecution" and self.api.fault == "recorded":
            raise Killed
        if self.is_counting and client.meta.service_model.service_name == "s3":
            self.calls[operation] += 1
        return make(client, operation, parameters)

    def count_copies(self) -> int:
        """How many of the function's and the command's calls wrote to S3."""
        return sum(count for name, count in self.calls.items() if not name.startswith(("Get", "Head", "List")))


@contextlib.contextmanager
def open_world(*, is_versioned: bool) -> Iterator[tuple[World, str]]:
    """Opens a world with an empty bucket. Yields it, and the URL of the uploads queue."""
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]
    keys = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with mock_aws(), patch.dict(os.environ, keys), Path(os.devnull).open("w") as nowhere:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        if is_versioned:
            s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        environment, queue_url = make_environment()
        world = World(load_app(), s3, is_versioned)
        for opened in vars(connections).values():
            if hasattr(opened, "cache_clear"):
                opened.cache_clear()

        def make(client: Any, operation: str, parameters: Any) -> Any:
            return world.watch(make_call, client, operation, parameters)

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return world.now.astimezone(tz)

        class Turns(UnlimitedTurns):
            def take(self, *booked: Any, **patience: Any) -> Turn:
                if world.api.fault == "turn":
                    raise TurnLater(60, time.time() + 60, 60)
                return super().take(*booked, **patience)

        with (
            patch.dict(os.environ, environment),
            patch.object(BaseClient, "_make_api_call", make),
            patch.object(connections, "open_session", lambda _: world.api.session()),
            patch.object(connections, "UnlimitedTurns", Turns),
            patch.object(ledger, "datetime", Clock),
            # Making a client takes longer than all else that an invocation does.
            patch.object(idempotency, "DynamoDBPersistenceLayer", functools.cache(DynamoDBPersistenceLayer)),
            contextlib.redirect_stdout(nowhere),
        ):
            yield world, queue_url


def make_environment() -> tuple[dict[str, str], str]:
    """Creates what the function uses. Returns its variables, and the URL of the uploads queue."""
    dynamodb: Any = boto3.resource("dynamodb")
    sqs = boto3.client("sqs")
    keys = {
        "jobs": {"upload_id": "S", "attempt": "N"},
        "idempotency": {"id": "S"},
        "pending-notices": {"state": "S", "id": "S"},
    }
    for name, attributes in keys.items():
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": it, "AttributeType": kind} for it, kind in attributes.items()],
            KeySchema=[
                {"AttributeName": it, "KeyType": kind}
                for it, kind in zip(attributes, ("HASH", "RANGE")[: len(attributes)], strict=True)
            ],
        )
    boto3.client("secretsmanager").create_secret(Name="api-key", SecretString="key")
    boto3.client("ssm").put_parameter(Name="/routes", Value="{}", Type="String")
    machine = boto3.client("stepfunctions").create_state_machine(
        name="video-job",
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/role",
    )
    queue_url = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    values: dict[str, Any] = {
        **vars(SETTINGS),
        "api_key_secret": "api-key",
        "notices_topic_arn": boto3.client("sns").create_topic(Name="notices")["TopicArn"],
        "prefix_routes": "/routes",
        "state_machine_arn": machine["stateMachineArn"],
        "upload_extensions": "videos",
        "uploads_queue_url": queue_url,
    }
    return {name.upper(): str(value) for name, value in values.items()}, queue_url


def load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("create_job_app", ROOT / "functions" / "create_job" / "app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


@dataclass(frozen=True)
class Story:
    """What became of the objects of one bucket.

    Attributes:
        jobs_per_object: How many jobs objects have that the API can read and that were written once: the smallest and
            the largest number.
    """

    is_versioned: bool
    keys: int
    writes: int
    messages: int
    jobs: int
    jobs_per_object: tuple[int, int]
    rejected: int
    backfilled: int
    copies: int
    seconds: float


def run_story(count: int, *, is_versioned: bool, seed: int = 1) -> Story:
    """Writes `count` keys and delivers the events: each twice, all shuffled, and some after the backfill. Half of the
    messages fail at first. Then the bytes that some keys had before are written again.
    """

    def list_faults() -> list[Fault]:
        return order.choices(FAULTS, k=order.choice((0, 0, 1, 2)))

    def compose_events(writes: list[Write]) -> list[Any]:
        events = 2 * [it.compose_event() for it in writes if it.has_event]
        order.shuffle(events)
        return events

    order = random.Random(seed)  # noqa: S311
    with open_world(is_versioned=is_versioned) as (world, queue_url):
        returning = world.fill(count)
        begun = time.monotonic()
        world.deliver(compose_events(world.writes), list_faults)
        written = len(world.writes)
        for key, body in returning.items():
            world.put(key, body)
        world.deliver(compose_events(world.writes[written:]), list_faults)
        late = [it.compose_event() for it in world.writes if it.has_event and it.number % 10 == 1]
        backfilled = world.backfill(queue_url)
        order.shuffle(late)
        world.deliver(late, list_faults)
        assert world.backfill(queue_url) == 0, "the second backfill requests jobs again"
        seconds = time.monotonic() - begun
        return check(world, backfilled, seconds)


def count_writes(world: World) -> Counter[Upload]:
    """How often each object was written that may become a job."""
    videos = UploadFilter.parse("videos")
    uploads = [it.upload for it in world.writes if not it.is_archived]
    return Counter(it for it in uploads if videos.takes(it) and not find_fault(it))


def find_readable(world: World) -> set[Upload]:
    """The objects that must become jobs."""
    newest = {it.upload.key: it.upload for it in world.writes}
    # Without versioning only the newest bytes remain. The backfill requests jobs for the newest versions only.
    kept = {it.upload for it in world.writes if world.is_versioned and it.has_event} | set(newest.values())
    return kept & set(count_writes(world))


def find_newest(world: World) -> list[Write]:
    """The last writes of keys, without versioning, that should become jobs by their events."""
    newest = {it.upload.key: it for it in world.writes}
    readable = find_readable(world)
    return [it for it in newest.values() if it.has_event and it.upload in readable and not world.is_versioned]


def check(world: World, backfilled: int, seconds: float) -> Story:
    """Fails unless each object that the API can read has one job for each write, and no other has one."""
    items = read_items()
    assert all("execution_arn" in it or it["status"] == "rejected" for it in items), "a job is not waited for"
    billed = [it for it in items if "job_id" in it]
    known = Counter((it["key"], it.get("version_id")) for it in billed)
    assert known == Counter(world.api.jobs.values()), "the ledger and the API know different jobs"
    jobs = Counter(it["upload_id"] for it in billed)
    readable = find_readable(world)
    numbers = []
    for upload, writes in count_writes(world).items():
        # Bytes that were replaced, without versioning, have a job if their event came before.
        found, fewest = jobs.pop(upload.upload_id, 0), int(upload in readable)
        assert fewest <= found <= writes, f"{found} jobs for {upload.key!r}, which was written {writes} times"
        # Without versioning, two writes of the same bytes may be two jobs, as two versions are.
        numbers += [found] if fewest and writes == 1 else []
    assert not jobs, f"jobs for what can't be read: {list(jobs)[:3]}"
    sequencers = Counter((it["upload_id"], it["sequencer"]) for it in items if "sequencer" in it)
    for write in find_newest(world):
        upload_id = write.upload.upload_id
        assert (upload_id, write.sequencer) in sequencers, f"no job for the last write of {write.upload.key}"
    assert max(sequencers.values(), default=1) == 1, "two jobs for one write"
    assert world.count_copies() == 0, world.calls
    return Story(
        is_versioned=world.is_versioned,
        keys=len({it.upload.key for it in world.writes}),
        writes=len(world.writes),
        messages=world.events,
        jobs=len(world.api.jobs),
        jobs_per_object=(min(numbers), max(numbers)),
        rejected=sum(it["status"] == "rejected" for it in items),
        backfilled=backfilled,
        copies=world.count_copies(),
        seconds=seconds,
    )


def read_items(upload_id: str | None = None) -> list[dict[str, Any]]:
    """Reads the ledger's items about one upload, or all."""
    table: Any = boto3.resource("dynamodb").Table("jobs")
    if upload_id:
        return list(table.query(KeyConditionExpression=Key("upload_id").eq(upload_id))["Items"])
    pages = table.meta.client.get_paginator("scan").paginate(TableName="jobs")
    return [it for page in pages for it in page["Items"]]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    logger.setLevel("CRITICAL")
    say = functools.partial(print, flush=True)
    say("| bucket | keys | writes | messages | jobs | jobs per object | rejected | by backfill | S3 copies | time |")
    say("|---|---|---|---|---|---|---|---|---|---|")
    for is_versioned in (False, True):
        story = run_story(count, is_versioned=is_versioned)
        bucket = "versioned" if story.is_versioned else "unversioned"
        fewest, most = story.jobs_per_object
        per_object = f"{most}" if fewest == most else f"{fewest} to {most}"
        cells = (story.keys, story.writes, story.messages, story.jobs)
        numbers = " | ".join(f"{it:,}" for it in cells)
        say(
            f"| {bucket} | {numbers} | {per_object} | {story.rejected:,} | {story.backfilled:,} | {story.copies} | "
            f"{story.seconds:.0f} s |"
        )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
