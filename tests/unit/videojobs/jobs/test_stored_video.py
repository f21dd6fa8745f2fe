"""create_job on a bucket that is not the pipeline's: without versioning, with archived and replaced objects."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.videojobs.test_create_job import build
from videojobs.jobs.stored_video import explain_archive
from videojobs.jobs.uploads import JobRequest, Upload

BUCKET = "footage"
CREATED = (200, {"job_id": "j1"})
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def put(aws: Any, body: bytes = b"video", key: str = "a.mp4", sequencer: str = "0A") -> Upload:
    """Puts an object into a bucket without versioning."""
    if BUCKET not in {it["Name"] for it in aws.s3.list_buckets()["Buckets"]}:
        aws.s3.create_bucket(Bucket=BUCKET)
    etag = aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"].strip('"')
    return Upload(bucket=BUCKET, key=key, size_bytes=len(body), etag=etag, sequencer=sequencer)


def deny(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 denies to read, as for a missing object if the role may not list the bucket."""

    def refuse(**_: Any) -> Any:
        raise aws.s3.exceptions.ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(aws.s3, "head_object", refuse)


def test_an_object_without_a_version_becomes_a_job(aws: Any) -> None:
    upload = put(aws)
    creator, wire = build(aws, CREATED)
    assert creator.create_job(JobRequest(upload, 1))["status"] == "running"
    assert "versionId" not in str(wire.requests[0].body)
    assert aws.ledger.read(upload, 1)["sequencer"] == "0A"


def test_a_late_event_about_replaced_bytes_makes_no_job_no_item_and_no_notice(aws: Any) -> None:
    old = put(aws)
    put(aws, b"another video", sequencer="0B")
    creator, wire = build(aws)
    assert creator.create_job(JobRequest(old, 1, NOON))["status"] == "ignored"
    assert wire.requests == []
    assert aws.ledger.read(old, 1) is None
    assert aws.notices() == []


def test_an_upload_that_waited_and_was_replaced_meanwhile_is_rejected(aws: Any) -> None:
    old = put(aws)
    aws.ledger.record(old, 1, status="waiting", error="The API can't be asked now.")
    put(aws, b"another video", sequencer="0B")
    creator, wire = build(aws)
    answer = creator.create_job(JobRequest(old, 1))
    assert answer["status"] == "rejected"
    assert answer["reason"].startswith("Another file replaced it")
    assert wire.requests == []


def test_a_video_that_is_replaced_before_it_is_sent_is_not_sent(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = put(aws)
    creator, wire = build(aws, (200, {"upload_url": "https://storage.example.com/u"}))
    creator = replace(creator, settings=replace(creator.settings, input_mode="upload"))
    head_object = aws.s3.head_object

    def head_and_replace(**location: Any) -> Any:
        head = head_object(**location)
        put(aws, b"another video", sequencer="0B")
        return head

    monkeypatch.setattr(aws.s3, "head_object", head_and_replace)
    assert creator.create_job(JobRequest(old, 1, NOON))["status"] == "ignored"
    assert all(request.method != "PUT" for request in wire.requests)


def test_an_object_that_may_not_be_read_because_it_is_gone_is_rejected(
    aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = put(aws)
    aws.s3.delete_object(Bucket=BUCKET, Key=upload.key)
    aws.s3.put_object(Bucket=BUCKET, Key=f"{upload.key}.jpg", Body=b"")
    deny(aws, monkeypatch)
    creator, _ = build(aws)
    assert creator.create_job(JobRequest(upload, 1))["reason"] == "It was deleted before its job could be created."


@pytest.mark.parametrize("kind", ["version", "object"])
def test_a_version_that_may_not_be_read_because_it_is_gone_is_rejected(
    aws: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """S3 answers 403 for what is missing, because the role may list only a prefix."""
    upload = put(aws)
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    versions = [aws.s3.put_object(Bucket=BUCKET, Key=upload.key, Body=b"video")["VersionId"] for _ in range(3)]
    aws.s3.put_object(Bucket=BUCKET, Key=f"{upload.key}.jpg", Body=b"")
    gone = {"VersionId": versions[1]} if kind == "version" else {}  # or a delete marker hides the object
    aws.s3.delete_object(Bucket=BUCKET, Key=upload.key, **gone)
    head_object = aws.s3.head_object

    def head(**location: Any) -> Any:
        try:
            return head_object(**location)
        except ClientError:
            raise aws.s3.exceptions.ClientError({"Error": {"Code": "403"}}, "HeadObject") from None

    monkeypatch.setattr(aws.s3, "head_object", head)
    creator, _ = build(aws, CREATED)
    request = JobRequest(replace(upload, version_id=versions[1], sequencer=None), 1)
    assert creator.create_job(request)["reason"] == "It was deleted before its job could be created."


def test_a_version_that_may_not_be_read_but_is_there_is_tried_again(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = put(aws)
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version_id = aws.s3.put_object(Bucket=BUCKET, Key=upload.key, Body=b"video")["VersionId"]
    deny(aws, monkeypatch)
    creator, _ = build(aws)
    with pytest.raises(ClientError):
        creator.create_job(JobRequest(replace(upload, version_id=version_id, sequencer=None), 1))


def test_an_object_that_may_not_be_read_but_is_there_is_tried_again(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = put(aws)
    deny(aws, monkeypatch)
    creator, _ = build(aws)
    with pytest.raises(ClientError):
        creator.create_job(JobRequest(upload, 1))


def test_an_archived_object_is_rejected_once_with_the_command_that_restores_it(aws: Any) -> None:
    upload = put(aws)
    aws.s3.put_object(Bucket=BUCKET, Key=upload.key, Body=b"video", StorageClass="DEEP_ARCHIVE")
    creator, wire = build(aws)
    for _ in range(2):
        assert creator.create_job(JobRequest(upload, 1))["status"] == "rejected"
    assert wire.requests == []
    [notice] = aws.notices()
    assert "It is in the storage class DEEP_ARCHIVE" in notice["Message"]
    assert (
        "aws s3api restore-object --bucket footage --key a.mp4 --restore-request Days=7\n"
        f"  videoinfer retry {upload.upload_id}" in notice["Message"]
    )


ARCHIVED = Upload(bucket=BUCKET, key="a b.mp4", size_bytes=1, etag="e", version_id="v1")


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"StorageClass": "STANDARD_IA"},
        {"StorageClass": "GLACIER_IR"},
        {"StorageClass": "INTELLIGENT_TIERING"},
        {"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2026 00:00:00 GMT"'},
    ],
)
def test_an_object_that_can_be_read_at_once_is_not_archived(head: dict[str, str]) -> None:
    assert explain_archive(ARCHIVED, head) is None


def test_an_archive_tier_is_restored_without_a_number_of_days() -> None:
    head = {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "DEEP_ARCHIVE_ACCESS"}
    rejection = explain_archive(ARCHIVED, head)
    assert rejection
    assert "archive tier DEEP_ARCHIVE_ACCESS" in rejection.reason
    assert "--key 'a b.mp4' --version-id v1 --restore-request '{}'" in rejection.remedy


def test_an_object_that_is_being_restored_is_only_retried() -> None:
    rejection = explain_archive(ARCHIVED, {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'})
    assert rejection
    assert "is being restored" in rejection.reason
    assert rejection.remedy == f"videoinfer retry {ARCHIVED.upload_id}"


def test_a_key_that_a_shell_could_interpret_is_not_in_the_command() -> None:
    rejection = explain_archive(replace(ARCHIVED, key="a';rm.mp4"), {"StorageClass": "GLACIER"})
    assert rejection
    assert "--key KEY --version-id v1" in rejection.remedy
