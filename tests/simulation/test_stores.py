"""Our DynamoDB and S3 answer as moto's do."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from unittest.mock import patch

import boto3
import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.simulation.objects import Objects
from tests.simulation.refusals import Refused
from tests.simulation.stack import RESULTS, TABLES, UPLOADS
from tests.simulation.tables import Tables
from videojobs.api.budget import Limit
from videojobs.api.turns import SharedTurns
from videojobs.errors import ChangeRefused, TurnLater
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import Upload
from videojobs.notices.notices import Notice
from videojobs.notices.pending_notices import PendingNotices
from videojobs.results import bucket as results_bucket
from videojobs.results.bucket import ResultsBucket

STATES: tuple[JobState, ...] = ("creating", "waiting", "running", "done", "failed", "cancelled")
VALUES: tuple[Any, ...] = (None, "text", 1, 0.25, ["a"], {"b": {"c": 1.5}}, [], "")
UPLOAD = Upload(bucket="b", key="a.mp4", size_bytes=1, etag="e", version_id="1")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@contextmanager
def ours() -> Iterator[None]:
    """AWS is ours."""
    tables, objects = Tables(TABLES), Objects(random.Random(0), {UPLOADS})  # noqa: S311

    def make(client: Any, operation: str, parameters: Any) -> Any:
        store = objects if client.meta.service_model.service_name == "s3" else tables
        try:
            return store.serve(operation, parameters)
        except Refused as refused:
            raise refused.to_error(client, operation) from None

    with patch.object(BaseClient, "_make_api_call", make):
        yield


@contextmanager
def motos() -> Iterator[None]:
    """AWS is moto."""
    with mock_aws():
        dynamodb: Any = boto3.client("dynamodb")
        for name, key in TABLES.items():
            kinds = {it: "N" if it == "attempt" else "S" for it in key}
            dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": it, "AttributeType": kind} for it, kind in kinds.items()],
                KeySchema=[
                    {"AttributeName": it, "KeyType": kind} for it, kind in zip(key, ("HASH", "RANGE"), strict=False)
                ],
            )
        s3: Any = boto3.client("s3")
        for name in (UPLOADS, RESULTS):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
        yield


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def open_table(name: str) -> Any:
    return cast(Any, boto3).resource("dynamodb").Table(name)


def record_jobs(order: random.Random) -> list[Any]:
    ledger, seen = Ledger(open_table("jobs")), list[Any]()
    uploads = [Upload(bucket="b", key=f"{it}.mp4", size_bytes=1, etag="e", version_id=str(it)) for it in range(3)]
    for _ in range(60):
        upload, attempt = order.choice(uploads), order.choice((1, 2))
        values = {name: order.choice(VALUES) for name in order.sample(("error", "polls", "delivery", "options"), 2)}
        try:
            ledger.record(upload, attempt, status=order.choice((None, *STATES)), **values)
        except ChangeRefused as refused:
            seen.append(str(refused))
        item = ledger.read(upload, attempt) or {}
        seen.append({name: value for name, value in item.items() if not name.endswith("_at")})
    return seen


def book_turns(order: random.Random) -> list[Any]:
    now, seen = [1e9], list[Any]()
    turns = SharedTurns(open_table("budget"), Limit(12), lambda: now[0], lambda _: None)
    for _ in range(20):
        now[0] += order.choice((0.1, 3, 30))
        if order.random() < 0.2:
            turns.pause(order.choice((1, 30, 400)))
        with suppress(TurnLater):
            turns.take(order.choice(("creates", "polls", "completions")))
        seen.append(turns.read())
    return seen


def tell_digests(order: random.Random) -> list[Any]:
    pending, seen = PendingNotices(open_table("pending-notices")), list[Any]()
    notices = [Notice(subject="s", message="m", outcome="done", video=f"{it}.mp4", brief="b") for it in range(4)]
    for number in range(20):
        pending.add(order.choice(notices), UPLOAD, order.choice(range(8)))
        execution, tries, some = f"e{order.choice((1, 2))}", order.choice((0, 1, number)), list(pending.read())
        steps: tuple[Callable[[], None], ...] = (
            partial(pending.begin, execution, tries, NOW),
            partial(pending.claim, some, execution, tries),
            partial(pending.conclude, [it for it in some if it.claimed_by], NOW),
        )
        for step in steps:
            try:
                step()
            except ClientError as error:
                seen.append((error.response["Error"]["Code"], len(error.response.get("CancellationReasons", ()))))
        seen.append([(it.id, it.claimed_by) for it in pending.read()])
    return seen


def remember_calls(order: random.Random) -> list[Any]:
    store, seen = DynamoDBPersistenceLayer("idempotency"), list[Any]()
    store.configure(IdempotencyConfig(use_local_cache=False), "create")
    for _ in range(20):
        data = {"number": order.choice((1, 2))}
        try:
            store.save_inprogress(data, remaining_time_in_millis=order.choice((-1000, 100_000)))
        except IdempotencyItemAlreadyExistsError as known:
            record: Any = known.old_data_record
            seen.append((record.status, record.response_data))
        match order.choice(("save", "delete", "leave")):
            case "save":
                store.save_success(data, {"status": "done"})
            case "delete":
                store.delete_record(data, ValueError())
    return seen


def _attempt(act: Callable[[], Any]) -> Any:
    """Returns what a call of S3 answers, without what differs from store to store, or its error."""
    try:
        answer = act()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    body = answer["Body"].read() if "Body" in answer else None
    names = ("ETag", "ContentLength", "Metadata")
    return body, {name: answer[name] for name in names if name in answer}


def use_objects(order: random.Random) -> list[Any]:
    s3, seen, versions = cast(Any, boto3).client("s3"), list[Any](), list[Any]()
    for number in range(40):
        place = {"Bucket": order.choice((UPLOADS, RESULTS)), "Key": order.choice(("a/1", "a/2", "a/3", "a/4", "b"))}
        if order.random() < 0.5:
            answer = s3.put_object(**place, Body=f"body {number}".encode(), Metadata={"Infer-Fps": str(number)})
            versions.append({**place, "VersionId": answer["VersionId"]} if "VersionId" in answer else place)
        if order.random() < 0.2:
            seen.append(_attempt(partial(s3.delete_object, **place)))
        for there in (place, *order.sample(versions, min(1, len(versions)))):
            seen.append(_attempt(partial(s3.head_object, **there)))
            further = order.choice(({}, {"Range": "bytes=2-4"}, {"Range": "bytes=90-"}, {"IfMatch": '"other"'}))
            seen.append(_attempt(partial(s3.get_object, **there, **further)))
        seen.append(list(ResultsBucket(s3, RESULTS).list_objects("a/")))
    return seen


def write_in_parts(order: random.Random) -> list[Any]:
    bucket, seen, known = ResultsBucket(cast(Any, boto3).client("s3"), RESULTS), list[Any](), list[str]()
    part = results_bucket.PART_BYTES
    for key in ("one", "two"):
        for _ in range(8):
            upload_id = order.choice([None, "unknown-upload", *known])
            file = bucket.resume(key, "text/plain", upload_id, known.append)
            seen.append(file.size_bytes)
            with suppress(InterruptedError), file:
                file.write(b"x" * int(order.choice((0.5, 1, 3.5)) * part))
                if order.random() < 0.5:
                    raise InterruptedError
            seen.append(bucket.measure(key))
    return seen


@pytest.mark.parametrize("live", [record_jobs, book_turns, tell_digests, remember_calls, use_objects, write_in_parts])
def test_histories_are_those_of_moto(live: Callable[[random.Random], list[Any]]) -> None:
    for seed in range(2):
        with motos():
            expected = live(random.Random(seed))  # noqa: S311
        with ours():
            assert live(random.Random(seed)) == expected  # noqa: S311
    assert len({str(it) for it in expected}) > 1


def test_unknown_expressions_are_noticed() -> None:
    tables = Tables(TABLES)
    for expression in ("ADD a :b", "SET a = a + :b", "SET a = :b, b = list_append(b, :c)", "SET a = :b REMOVE c[0]"):
        with pytest.raises(AssertionError):
            tables.serve("UpdateItem", {"TableName": "budget", "Key": {"id": "1"}, "UpdateExpression": expression})
