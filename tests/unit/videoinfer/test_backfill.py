from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import make_stack
from videoinfer.aws_clients import AwsClients
from videoinfer.backfill import Candidate, carry_out, parse_s3_uri, plan_backfill
from videoinfer.dead_letters import read_dead_letters
from videoinfer.errors import CommandError
from videoinfer.ledger_view import LedgerView
from videojobs.jobs.ledger import Ledger
from videojobs.jobs.uploads import JobRequest, Upload


@pytest.fixture
def clients(jobs: LedgerView) -> AwsClients:
    clients = AwsClients(boto3.Session(region_name="us-east-1"))
    for bucket in ("uploads", "archive"):
        clients.s3.create_bucket(Bucket=bucket)
    clients.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    return clients


def put(clients: AwsClients, bucket: str, key: str, body: bytes = b"video") -> Upload:
    answer = clients.s3.put_object(Bucket=bucket, Key=key, Body=body)
    return Upload(
        bucket=bucket, key=key, size_bytes=len(body), etag=answer["ETag"].strip('"'), version_id=answer.get("VersionId")
    )


def plan(clients: AwsClients, uri: str) -> list[Candidate]:
    return list(plan_backfill(make_stack(clients), *parse_s3_uri(uri)))


@pytest.mark.parametrize(
    ("uri", "parsed"),
    [
        ("s3://archive", ("archive", "")),
        ("s3://archive/", ("archive", "")),
        ("s3://archive/2024/a b", ("archive", "2024/a b")),
    ],
)
def test_an_s3_uri_consists_of_bucket_and_prefix(uri: str, parsed: tuple[str, str]) -> None:
    assert parse_s3_uri(uri) == parsed


@pytest.mark.parametrize("uri", ["archive/2024", "s3://", "https://archive/2024", ""])
def test_anything_but_an_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(CommandError, match="is not an S3 URI"):
        parse_s3_uri(uri)


@pytest.mark.parametrize(
    ("bucket", "words"),
    [
        ("archives", "The bucket archives does not exist: `aws s3 ls` lists your buckets."),
        ("my bucket", "my bucket is not a valid bucket name."),
    ],
)
def test_a_missing_bucket_is_named(clients: AwsClients, bucket: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        plan(clients, f"s3://{bucket}/2024")


def test_a_bucket_that_cannot_be_listed_is_named(clients: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")

    monkeypatch.setattr(clients.s3, "head_bucket", refuse)
    with pytest.raises(CommandError, match="AWS refused to list the bucket archive"):
        plan(clients, "s3://archive/2024")


def test_the_latest_versions_without_a_job_are_requested(clients: AwsClients, ledger: Ledger) -> None:
    put(clients, "uploads", "in/a.mp4", b"first")
    latest = put(clients, "uploads", "in/a.mp4")
    known = put(clients, "uploads", "in/known.mp4")
    ledger.record(known, 1, status="failed")
    put(clients, "uploads", "in/deleted.mp4")
    clients.s3.delete_object(Bucket="uploads", Key="in/deleted.mp4")
    put(clients, "uploads", "in/folder/", b"")
    put(clients, "uploads", "in/empty.mp4", b"")
    put(clients, "uploads", "elsewhere.mp4")

    candidates = plan(clients, "s3://uploads/in/")

    assert [(candidate.upload.key, candidate.action, candidate.why) for candidate in candidates] == [
        ("in/a.mp4", "ask", None),
        ("in/empty.mp4", "skip", "The file is empty (0 bytes)."),
        ("in/known.mp4", "skip", "It already has a job, which is failed."),
    ]
    assert candidates[0].upload == latest


def test_objects_from_before_versioning_are_the_uploads_that_s3_announced(clients: AwsClients) -> None:
    clients.s3.create_bucket(Bucket="old")
    upload = put(clients, "old", "a.mp4")

    [candidate] = plan_backfill(make_stack(clients, uploads_bucket="old"), "old", "")

    assert candidate == Candidate(upload, "ask")
    assert candidate.upload.version_id is None


def test_requests_are_in_the_queue_as_first_attempts(clients: AwsClients) -> None:
    queue_url = clients.sqs.create_queue(QueueName="uploads")["QueueUrl"]
    upload = put(clients, "uploads", "a.mp4")

    stack = make_stack(clients, uploads_queue_url=queue_url, dead_letter_queue_url=queue_url)

    carry_out(stack, plan(clients, "s3://uploads"))

    [message] = read_dead_letters(stack)
    assert message.requests == (JobRequest(upload, 1),)


@pytest.mark.parametrize("size_bytes", [100, 9 * 1024 * 1024], ids=["whole", "in parts"])
def test_a_copy_keeps_its_options(clients: AwsClients, size_bytes: int) -> None:
    body, options = b"v" * size_bytes, {"infer-fps": "2"}
    clients.s3.put_object(Bucket="archive", Key="a.mp4", Body=body, Metadata=options, ContentType="video/mp4")

    carry_out(make_stack(clients), plan(clients, "s3://archive"))

    head = clients.s3.head_object(Bucket="uploads", Key="a.mp4")
    assert (head["ContentLength"], head["Metadata"], head["ContentType"]) == (size_bytes, options, "video/mp4")
    assert [candidate.action for candidate in plan(clients, "s3://archive")] == ["skip"]
