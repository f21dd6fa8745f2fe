"""Uploads read from the events that S3 really sends."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoinfer.repository import ROOT
from videojobs.jobs.uploads import JobRequest, Upload, find_fault, read_requests

EVENTS = ROOT / "events" / "create_job"


keys = st.text(min_size=1, max_size=200).filter(lambda key: not key.endswith("/"))


def read_event(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def read_uploads(event: Any) -> list[Upload]:
    return [request.upload for request in read_requests(event)]


def make_upload(key: str = "cameras/belt.mp4", size_bytes: int = 1, version_id: str | None = "v1") -> Upload:
    return Upload(bucket="uploads", key=key, size_bytes=size_bytes, etag="etag", version_id=version_id)


def test_an_upload_is_read_from_a_plain_event() -> None:
    [upload] = read_uploads(read_event("s3.json"))
    assert upload.uri == "s3://videoinfer-uploadsbucket-1a2b3c4d5e6f/cameras/belt.mp4"
    assert upload.size_bytes == 1048576
    assert upload.location["VersionId"] == "096fKKXTRTtl3on89fVO.nfljtsv6qko"


def test_an_encoded_key_is_decoded() -> None:
    [record] = read_event("queue-odd-key.json")["Records"]
    [upload] = read_uploads(json.loads(record["body"]))
    assert upload.key == "line 3+ü%41 (1).MP4"


@pytest.mark.parametrize("name", ["queue-test-event.json", "s3-folder-marker.json"])
def test_events_about_anything_else_are_ignored(name: str) -> None:
    event = read_event(name)
    body = json.loads(event["Records"][0].get("body", json.dumps(event)))
    assert list(read_uploads(body)) == []


@given(keys)
def test_every_key_that_s3_encodes_is_read(key: str) -> None:
    event = read_event("s3.json")
    event["Records"][0]["s3"]["object"]["key"] = quote_plus(key)
    [upload] = read_uploads(event)
    assert upload.key == key


def test_an_event_from_eventbridge_is_read() -> None:
    """The file has the form in https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
    [request] = read_requests(read_event("eventbridge.json"))
    assert request.upload == Upload(
        bucket="footage",
        key="cameras/line 3+ü%41 (1).MP4",
        size_bytes=1048576,
        etag="d41d8cd98f00b204e9800998ecf8427e-2",
        version_id="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
    )
    assert request.written_at == datetime(2026, 11, 2, 8, 15, 30, tzinfo=UTC)
    [message] = read_event("queue-eventbridge.json")["Records"]
    assert list(read_requests(json.loads(message["body"]))) == [request]


@pytest.mark.parametrize(
    "detail_type", ["Object Deleted", "Object Restore Completed", "Object Tags Added", "Object Storage Class Changed"]
)
def test_other_events_from_eventbridge_are_ignored(detail_type: str) -> None:
    assert read_uploads({**read_event("eventbridge.json"), "detail-type": detail_type}) == []
    assert read_uploads({**read_event("eventbridge.json"), "source": "aws.s3tables"}) == []


versions = st.none() | st.just("null") | st.text("ab01._", min_size=1, max_size=32)


@given(
    key=keys | st.text(min_size=1, max_size=20).map(lambda text: text + "/"),
    size_bytes=st.integers(0, 5 * 1024**4),
    etag=st.from_regex(r"[0-9a-f]{32}(-[0-9]{1,5})?", fullmatch=True),
    version=versions,
    sequencer=st.none() | st.from_regex(r"[0-9A-F]{16,18}", fullmatch=True),
    seconds=st.integers(0, 2**32),
)
def test_both_forms_of_an_event_are_the_same_request(
    key: str, size_bytes: int, etag: str, version: str | None, sequencer: str | None, seconds: int
) -> None:
    time = datetime.fromtimestamp(seconds, UTC)
    notification, event = read_event("s3.json"), read_event("eventbridge.json")
    [record] = notification["Records"]
    record["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    record["s3"]["bucket"]["name"] = "footage"
    record["s3"]["object"] = {"key": quote_plus(key), "size": size_bytes, "eTag": etag}
    event["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    event["detail"]["object"] = {"key": key, "size": size_bytes, "etag": etag}
    if version:
        record["s3"]["object"]["versionId"] = event["detail"]["object"]["version-id"] = version
    if sequencer:
        record["s3"]["object"]["sequencer"] = event["detail"]["object"]["sequencer"] = sequencer
    requests = list(read_requests(json.loads(json.dumps(notification))))
    assert requests == list(read_requests(json.loads(json.dumps(event))))
    if key.endswith("/") and size_bytes == 0:
        assert requests == []
        return
    [request] = requests
    assert (request.upload.uri, request.written_at) == (f"s3://footage/{key}", time)
    is_versioned = version not in (None, "null")
    assert request.upload.version_id == (version if is_versioned else None)
    assert request.upload.sequencer == (None if is_versioned else sequencer)


def test_versions_are_different_uploads() -> None:
    assert make_upload(version_id="v1").upload_id != make_upload(version_id="v2").upload_id
    unversioned = [Upload(bucket="uploads", key="belt.mp4", size_bytes=1, etag=etag) for etag in ("e1", "e2")]
    assert unversioned[0].upload_id != unversioned[1].upload_id
    assert "VersionId" not in unversioned[0].location


@pytest.mark.parametrize("key", ["a.mp4", "a.MP4", "a.Mkv", "a.webm", "b/a.b.avi"])
def test_the_api_s_file_extensions_are_accepted_in_either_case(key: str) -> None:
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
def test_an_unsuitable_upload_is_refused_with_a_reason(upload: Upload, words: str) -> None:
    assert words in (find_fault(upload) or "")


def test_an_upload_requests_its_first_attempt() -> None:
    [upload] = read_uploads(read_event("s3.json"))
    written_at = datetime(2026, 11, 2, 8, 15, 30, tzinfo=UTC)
    assert list(read_requests(read_event("s3.json"))) == [JobRequest(upload, 1, written_at)]


def test_an_operator_s_request_is_read_as_it_was_sent() -> None:
    request = JobRequest(Upload(bucket="uploads", key="line 3+ü.mp4", size_bytes=5, etag="e1", version_id=None), 2)
    message = json.loads(json.dumps({"job_requests": [request.to_dict()]}))
    assert list(read_requests(message)) == [request]
