"""What S3 says has landed, from the events that it really sends."""

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoinfer.repository import ROOT
from videojobs.jobs.uploads import JobRequest, Upload, find_fault, read_requests, read_uploads

EVENTS = ROOT / "events" / "create_job"


keys = st.text(min_size=1, max_size=200).filter(lambda key: not key.endswith("/"))


def read_event(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def make_upload(key: str = "cameras/belt.mp4", size_bytes: int = 1, version_id: str | None = "v1") -> Upload:
    return Upload(bucket="uploads", key=key, size_bytes=size_bytes, etag="etag", version_id=version_id)


def test_reads_an_upload_from_a_bare_event() -> None:
    [upload] = read_uploads(read_event("s3.json"))
    assert upload.uri == "s3://videoinfer-uploadsbucket-1a2b3c4d5e6f/cameras/belt.mp4"
    assert upload.size_bytes == 1048576
    assert upload.location["VersionId"] == "096fKKXTRTtl3on89fVO.nfljtsv6qko"


def test_decodes_an_odd_key() -> None:
    [record] = read_event("queue-odd-key.json")["Records"]
    [upload] = read_uploads(json.loads(record["body"]))
    assert upload.key == "line 3+ü%41 (1).MP4"


@pytest.mark.parametrize("name", ["queue-test-event.json", "s3-folder-marker.json"])
def test_ignores_what_is_no_upload(name: str) -> None:
    event = read_event(name)
    body = json.loads(event["Records"][0].get("body", json.dumps(event)))
    assert list(read_uploads(body)) == []


@given(keys)
def test_reads_every_key_that_s3_encodes(key: str) -> None:
    event = read_event("s3.json")
    event["Records"][0]["s3"]["object"]["key"] = quote_plus(key)
    [upload] = read_uploads(event)
    assert upload.key == key


def test_tells_versions_apart() -> None:
    assert make_upload(version_id="v1").upload_id != make_upload(version_id="v2").upload_id
    unversioned = [Upload(bucket="uploads", key="belt.mp4", size_bytes=1, etag=etag) for etag in ("e1", "e2")]
    assert unversioned[0].upload_id != unversioned[1].upload_id
    assert "VersionId" not in unversioned[0].location


@pytest.mark.parametrize("key", ["a.mp4", "a.MP4", "a.Mkv", "a.webm", "b/a.b.avi"])
def test_takes_the_extensions_of_the_api_in_either_case(key: str) -> None:
    assert find_fault(make_upload(key)) is None


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        (make_upload("a.mov"), "files that end in .mov"),
        (make_upload("a"), "files without an extension"),
        (make_upload("a.mp4", size_bytes=0), "empty (0 bytes)"),
        (make_upload("ü" * 450 + ".mp4"), "longer than 770 bytes"),
    ],
)
def test_says_what_is_wrong(upload: Upload, words: str) -> None:
    assert words in (find_fault(upload) or "")


def test_an_upload_asks_for_its_first_attempt() -> None:
    [upload] = read_uploads(read_event("s3.json"))
    assert list(read_requests(read_event("s3.json"))) == [JobRequest(upload, 1)]


def test_a_persons_request_is_read_as_it_was_made() -> None:
    request = JobRequest(Upload(bucket="uploads", key="line 3+ü.mp4", size_bytes=5, etag="e1", version_id=None), 2)
    message = json.loads(json.dumps({"job_requests": [request.to_dict()]}))
    assert list(read_requests(message)) == [request]
