"""Objects in the results bucket: their keys, and what remains of objects that could not be completed."""

from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from videojobs.api.client import JOB_ID_MAX_CHARACTERS
from videojobs.jobs.uploads import (
    KEY_MAX_BYTES,
)
from videojobs.result_files import locate_output
from videojobs.results.bucket import PART_BYTES, ObjectWriter, ResultsBucket, may_pass

S3_KEY_MAX_BYTES = 1024
"""Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


def test_s3_accepts_the_result_keys_of_the_longest_upload_key_and_job_id() -> None:
    for name in ("report-data/999999-999999.json.gz", "detections.csv.gz", "annotated.mp4", "results.json"):
        key = locate_output("k" * KEY_MAX_BYTES, "j" * JOB_ID_MAX_CHARACTERS, "2026-11-28", name)
        assert len(key) <= S3_KEY_MAX_BYTES


def list_uploads(aws: Any) -> list[str]:
    """The ids of multipart uploads that are neither completed nor aborted."""
    listed = aws.s3.list_multipart_uploads(Bucket=aws.results_bucket)
    return [upload["UploadId"] for upload in listed.get("Uploads", [])]


def break_off(file: ObjectWriter, content: bytes) -> None:
    """Writes `content`, and then fails."""
    with suppress(ZeroDivisionError), file:
        file.write(content)
        raise ZeroDivisionError


def open_bucket(aws: Any) -> ResultsBucket:
    return ResultsBucket(aws.s3, aws.results_bucket)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 7])
def test_the_object_is_what_was_written_in_pieces_of_any_size(aws: Any, size: int) -> None:
    bucket, content = open_bucket(aws), bytes(range(256)) * (size // 256 + 1)
    with bucket.write("a", "text/csv") as file:
        for start in range(0, size, 3_000_017):
            file.write(content[start : min(size, start + 3_000_017)])
    assert b"".join(bucket.read("a")) == content[:size]
    assert bucket.measure("a") == file.size_bytes == file.tell() == size
    assert file.requests == (1 if size < PART_BYTES else 2 + size // PART_BYTES + bool(size % PART_BYTES))
    assert aws.s3.head_object(Bucket=bucket.name, Key="a")["ContentType"] == "text/csv"


def test_an_object_that_is_not_completed_leaves_nothing_behind(aws: Any) -> None:
    bucket = open_bucket(aws)
    break_off(bucket.write("a", "text/csv"), bytes(PART_BYTES))
    assert not bucket.has("a")
    assert list_uploads(aws) == []


@pytest.mark.slow
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_an_object_is_resumed_after_its_stored_parts(aws: Any, is_forgotten: bool) -> None:
    bucket, begun = open_bucket(aws), list[str]()
    break_off(bucket.resume("a", "text/csv", None, begun.append), b"1" * PART_BYTES + b"lost")
    assert list_uploads(aws) == begun
    if is_forgotten:
        aws.s3.abort_multipart_upload(Bucket=bucket.name, Key="a", UploadId=begun[0])
    with bucket.resume("a", "text/csv", begun[0], begun.append) as file:
        assert file.sent_bytes == file.size_bytes == (0 if is_forgotten else PART_BYTES)
        file.write(b"2" * PART_BYTES)
    assert b"".join(bucket.read("a")) == (b"" if is_forgotten else b"1" * PART_BYTES) + b"2" * PART_BYTES
    assert len(begun) == 1 + is_forgotten


def test_missing_json_is_none(aws: Any) -> None:
    bucket = open_bucket(aws)
    assert bucket.read_json("a.json") is None
    bucket.save_json("a.json", {"ü": 1})
    assert bucket.read_json("a.json") == {"ü": 1}
    assert (bucket.has("a.json"), bucket.has("b.json")) == (True, False)


@pytest.mark.parametrize(
    ("code", "status", "passes"),
    [
        ("SlowDown", 503, True),
        ("InternalError", 500, True),
        ("TooManyRequests", 429, True),
        ("ExpiredToken", 400, True),
        ("AccessDenied", 403, False),
        ("NoSuchBucket", 404, False),
    ],
)
def test_an_outage_is_transient_and_a_refusal_is_not(code: str, status: int, passes: bool) -> None:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert may_pass(ClientError(response, "PutObject")) == passes
    assert may_pass(EndpointConnectionError(endpoint_url="https://s3"))
    assert not may_pass(ValueError())
