"""What S3 says has landed, from the events that it really sends."""

import json
import re
import unicodedata
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoinfer.repository import ROOT
from videojobs.jobs.commands import suggest_remedy
from videojobs.jobs.ledger import name_execution
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


@given(keys, st.integers(min_value=1, max_value=999_999_999_999))
def test_names_executions_as_step_functions_allows(key: str, attempt: int) -> None:
    name = name_execution(make_upload(key), attempt)
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)


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


def test_the_remedy_for_a_long_key_is_a_shorter_one() -> None:
    remedy = suggest_remedy(make_upload("a" * 1000 + ".mp4"))
    assert remedy.startswith("aws s3 mv s3://uploads/aaa")
    assert remedy.endswith(" s3://uploads/SHORTER_KEY.mp4")


def test_a_remedy_can_be_pasted_into_a_shell() -> None:
    remedy = suggest_remedy(make_upload("line 3//my clip.mov"))
    assert remedy.splitlines() == [
        "ffmpeg -i './my clip.mov' './my clip.mp4'",
        "  aws s3 cp './my clip.mp4' 's3://uploads/line 3//my clip.mp4'",
    ]


def test_a_remedy_names_no_key_that_a_shell_could_take_for_more() -> None:
    remedy = suggest_remedy(make_upload("it's here/$(rm).mov"))
    assert remedy.splitlines() == ["ffmpeg -i ./VIDEO ./VIDEO.mp4", "  aws s3 cp ./VIDEO.mp4 s3://uploads/KEY"]


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from(["", ".", ".mp4", ".mov", "/.mov"]))
def test_there_is_a_remedy_for_every_key(key: str, ending: str) -> None:
    remedy = suggest_remedy(make_upload(key + ending))
    assert all(c.isalnum() or c in "'\n ./:+@-_" or unicodedata.category(c)[0] == "M" for c in remedy)


@pytest.mark.parametrize("name", ["Belt.MP4", "belt.avi"])
def test_a_remedy_for_a_file_that_the_api_takes_keeps_its_name(name: str) -> None:
    assert suggest_remedy(make_upload(f"cameras/{name}")) == f"aws s3 cp ./{name} s3://uploads/cameras/{name}"


def test_a_remedy_for_a_file_without_extension_adds_one() -> None:
    assert suggest_remedy(make_upload("cameras/belt")) == "aws s3 cp ./belt.mp4 s3://uploads/cameras/belt.mp4"


def test_an_upload_asks_for_its_first_attempt() -> None:
    [upload] = read_uploads(read_event("s3.json"))
    assert list(read_requests(read_event("s3.json"))) == [JobRequest(upload, 1)]


def test_a_persons_request_is_read_as_it_was_made() -> None:
    request = JobRequest(Upload(bucket="uploads", key="line 3+ü.mp4", size_bytes=5, etag="e1", version_id=None), 2)
    message = json.loads(json.dumps({"job_requests": [request.to_dict()]}))
    assert list(read_requests(message)) == [request]
