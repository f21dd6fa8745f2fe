from dataclasses import replace
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.pipeline_stacks import UPLOAD_OPTIONS, make_stack
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


@pytest.mark.slow
@pytest.mark.parametrize("size_bytes", [100, 9 * 1024 * 1024], ids=["whole", "in parts"])
def test_a_copy_keeps_its_options(clients: AwsClients, size_bytes: int) -> None:
    body, options = b"v" * size_bytes, {"infer-fps": "2"}
    clients.s3.put_object(Bucket="archive", Key="a.mp4", Body=body, Metadata=options, ContentType="video/mp4")

    carry_out(make_stack(clients), plan(clients, "s3://archive"))

    head = clients.s3.head_object(Bucket="uploads", Key="a.mp4")
    assert (head["ContentLength"], head["Metadata"], head["ContentType"]) == (size_bytes, options, "video/mp4")
    assert [candidate.action for candidate in plan(clients, "s3://archive")] == ["skip"]


def test_a_video_of_another_size_at_the_same_key_is_a_conflict(clients: AwsClients) -> None:
    first = put(clients, "uploads", "line 3/a.mp4", b"the first video")
    put(clients, "archive", "line 3/a.mp4")

    candidates = plan(clients, "s3://archive")
    carry_out(make_stack(clients), candidates)

    [candidate] = candidates
    assert candidate.action == "conflict"
    assert candidate.why == (
        "s3://uploads/line 3/a.mp4 is another object than s3://archive/line 3/a.mp4, and would be replaced. To get "
        "a job, copy the video to another key: aws s3 cp 's3://archive/line 3/a.mp4' s3://uploads/OTHER_KEY.mp4"
    )
    assert clients.s3.head_object(Bucket="uploads", Key="line 3/a.mp4")["VersionId"] == first.version_id


def test_a_video_that_differs_in_one_byte_is_a_conflict(clients: AwsClients) -> None:
    put(clients, "uploads", "a.mp4", b"video")
    put(clients, "archive", "a.mp4", b"video".replace(b"v", b"V"))

    [candidate] = plan(clients, "s3://archive")

    assert candidate.action == "conflict"


def test_the_same_video_is_left_out(clients: AwsClients) -> None:
    put(clients, "uploads", "a.mp4")
    put(clients, "archive", "a.mp4")

    assert [(candidate.action, candidate.why) for candidate in plan(clients, "s3://archive")] == [
        ("skip", "The uploads bucket already has this video.")
    ]


@pytest.mark.parametrize("encrypted", ["uploads", "archive"])
def test_an_etag_of_an_encrypted_object_proves_no_difference(clients: AwsClients, encrypted: str) -> None:
    """With SSE-KMS, an ETag is not an MD5 digest; moto's always is."""
    for bucket in ("uploads", "archive"):
        clients.s3.put_object(
            Bucket=bucket,
            Key="a.mp4",
            Body=b"video" if bucket == encrypted else b"Video",
            ServerSideEncryption="aws:kms" if bucket == encrypted else "AES256",
        )

    [candidate] = plan(clients, "s3://archive")

    assert candidate.action == "skip"
    assert candidate.why == (
        "The uploads bucket already has an object with this key and size, but another ETag. It is the same video if "
        "only its encryption or part size differs. If it is another one, copy the video to another key: "
        "aws s3 cp s3://archive/a.mp4 s3://uploads/OTHER_KEY.mp4"
    )


def test_an_etag_of_parts_proves_no_difference(clients: AwsClients) -> None:
    body = b"v" * 9 * 1024 * 1024
    put(clients, "archive", "a.mp4", body)
    clients.s3.upload_fileobj(BytesIO(body), "uploads", "a.mp4")

    [candidate] = plan(clients, "s3://archive")

    assert candidate.action == "skip"
    assert "but another ETag" in (candidate.why or "")


def plan_existing(clients: AwsClients, uri: str, prefix: str = "cameras/") -> list[Candidate]:
    """The plan of a stack whose uploads bucket is the owner's, without versioning."""
    stack = make_stack(
        clients,
        uploads_bucket="archive",
        has_existing_bucket=True,
        uploads_prefix=prefix,
        upload_extensions="videos",
        upload_options=replace(UPLOAD_OPTIONS, existing_bucket="true"),
    )
    return list(plan_backfill(stack, *parse_s3_uri(uri)))


@pytest.mark.parametrize(
    "uri", ["s3://archive", "s3://archive/cam", "s3://archive/cameras/", "s3://archive/cameras/1/"]
)
def test_an_existing_bucket_is_searched_where_the_stack_may_read_and_nothing_is_copied(
    clients: AwsClients, uri: str
) -> None:
    upload = put(clients, "archive", "cameras/1/a.mp4")
    put(clients, "archive", "cameras/1/a.jpg")
    put(clients, "archive", "elsewhere/b.mp4")
    assert plan_existing(clients, uri) == [Candidate(upload, "ask")]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://archive/elsewhere/", "may only read s3://archive/cameras/"),
        ("s3://uploads/cameras/", "copies none into that bucket"),
    ],
)
def test_what_lies_elsewhere_is_refused(clients: AwsClients, uri: str, words: str) -> None:
    put(clients, "archive", "elsewhere/b.mp4")
    with pytest.raises(CommandError, match=words):
        plan_existing(clients, uri)


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_video_is_left_out_with_the_reason(clients: AwsClients, storage_class: Any) -> None:
    clients.s3.put_object(Bucket="archive", Key="cameras/a.mp4", Body=b"v", StorageClass=storage_class)
    for [candidate] in (plan_existing(clients, "s3://archive"), plan(clients, "s3://archive")):
        assert candidate.action == "skip"
        assert f"storage class {storage_class}" in (candidate.why or "")


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"infer-fsp": "2"}, "infer-fsp: there is no such option; did you mean infer-fps?"),
        ({"infer-fps": "fast"}, "infer_fps: 'fast' is not a number"),
        ({"infer-fps": "2"}, None),
    ],
)
def test_a_video_whose_options_create_job_would_reject_is_left_out(
    clients: AwsClients, metadata: dict[str, str], why: str | None
) -> None:
    clients.s3.put_object(Bucket="archive", Key="cameras/a.mp4", Body=b"v", Metadata=metadata)
    for [candidate] in (plan_existing(clients, "s3://archive"), plan(clients, "s3://archive")):
        assert (candidate.action == "skip") == bool(why)
        assert (candidate.why or "").startswith(why or "")


def test_metadata_of_other_programs_is_left_out_only_in_the_stack_s_own_bucket(clients: AwsClients) -> None:
    clients.s3.put_object(Bucket="archive", Key="cameras/a.mp4", Body=b"v", Metadata={"camera-id": "7"})
    assert [it.action for it in plan_existing(clients, "s3://archive")] == ["ask"]
    [copied] = plan(clients, "s3://archive")
    assert (copied.action, (copied.why or "")[:33]) == ("skip", "camera-id: there is no such optio")
