"""Every key that S3 allows, 1 to 1,024 bytes of UTF-8, becomes a job whose video can be fetched, or one rejection."""

import hashlib
import itertools
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, unquote, urljoin, urlsplit

import boto3
import pytest
import requests
import urllib3
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.examples import count_examples
from tests.unit.videojobs.results.test_bucket import S3_KEY_MAX_BYTES
from tests.unit.videojobs.test_create_job import build
from videoengine.destinations import WebAddress
from videojobs import connections
from videojobs.jobs.remedies import suggest_remedy
from videojobs.jobs.uploads import (
    JobRequest,
    Upload,
    find_fault,
    is_folder_marker,
    is_path,
    read_requests,
)
from videojobs.video_formats import VIDEO_EXTENSIONS

PARTS = (
    *(".", "..", "", "...", "a", "é", "e\u0301", "%2e%2e", "%2E", "%", "+", " ", "?versionId=1", "#", "\\", "..\\"),
    *("\x00", "\n", "\x7f", "\u202e", "'; rm -rf /", "-i", "http:", "a;b=c", "~", "*", "\U0001f600", "\ufeff"),
)
parts = st.sampled_from(PARTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.builds(
    lambda stem, end: stem + end, parts, st.sampled_from((*VIDEO_EXTENSIONS, ".MP4", ".mov", "", ".", "/"))
)
keys = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(parts, max_size=4) | st.lists(st.just("x" * 250), max_size=4),
    names,
).filter(lambda key: 1 <= len(key.encode()) <= S3_KEY_MAX_BYTES)


def ask_by_requests(url: str) -> str:
    """The request target that requests sends for a URL."""
    prepared = requests.Request("GET", url).prepare()
    return requests.adapters.HTTPAdapter().request_url(prepared, {})


numbers = itertools.count()
"""Numbers that make each example a separate upload."""

CLIENTS: dict[str, Callable[[str], str]] = {
    "requests": ask_by_requests,
    "urllib3": lambda url: urllib3.util.parse_url(url).request_uri,
    "the engine": lambda url: WebAddress.parse(url).target,
    "RFC 3986": lambda url: urlsplit(urljoin(url, urlsplit(url).path)).path,
}


@pytest.fixture(scope="module")
def sign() -> Callable[[str], str]:
    """Presigns a key's URL as `create_job` does."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        s3 = connections.connect_s3.__wrapped__()
    return lambda key: s3.generate_presigned_url("get_object", Params={"Bucket": "uploads", "Key": key})


@pytest.mark.slow
@given(keys.filter(is_path))
@settings(max_examples=500, deadline=None)
def test_clients_request_the_key_that_was_signed(sign: Callable[[str], str], key: str) -> None:
    asked = {name: unquote(ask(sign(key)).partition("?")[0], errors="strict") for name, ask in CLIENTS.items()}
    assert asked == dict.fromkeys(CLIENTS, f"/{key}")


@pytest.mark.parametrize(
    "key", ["./a.mp4", "a/../b.mp4", "a/./b.mp4", "../a.mp4", "/a.mp4", "//a.mp4", "a/..", "v.mp4/."]
)
def test_keys_that_clients_would_request_by_another_path_are_rejected(sign: Callable[[str], str], key: str) -> None:
    assert not is_path(key)
    assert {unquote(ask(sign(key)).partition("?")[0]) for ask in CLIENTS.values()} != {f"/{key}"}
    assert find_fault(Upload(bucket="uploads", key=key, size_bytes=1, etag="e1"))


@pytest.mark.slow
@given(keys, st.sampled_from([0, 1]))
@example(f"{767 * 'x'}.ts", 1)
@settings(max_examples=500)
def test_every_suggested_command_makes_the_upload_acceptable(key: str, size_bytes: int) -> None:
    upload = Upload(bucket="uploads", key=key, size_bytes=size_bytes, etag="e1")
    remedy = suggest_remedy(upload)
    target = re.search(r".* '?s3://uploads/([^']*)'?$", remedy.splitlines()[-1])
    assert target
    placeholders = ("KEY", *(f"{word}{ending}" for word in ("SHORTER_KEY", "OTHER_KEY") for ending in VIDEO_EXTENSIONS))
    assert (
        target[1] in placeholders
        or find_fault(Upload(bucket="uploads", key=target[1], size_bytes=1, etag="e1")) is None
    )


@pytest.mark.slow
@given(keys, st.sampled_from([0, 1]))
@settings(max_examples=count_examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_key_becomes_a_job_or_one_rejection(aws: Any, key: str, size_bytes: int) -> None:
    body = f"video {next(numbers)}".encode()
    described = {
        "key": quote_plus(key),
        "size": size_bytes,
        "eTag": hashlib.md5(body, usedforsecurity=False).hexdigest(),
    }
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-02T08:15:30.000Z",
        "s3": {"bucket": {"name": "uploads"}, "object": described},
    }
    requested = list(read_requests({"Records": [record]}))
    assert bool(requested) != is_folder_marker(Upload(bucket="uploads", key=key, size_bytes=size_bytes, etag="e1"))
    for request in requested:
        assert request.upload.key == key
        fault = find_fault(request.upload)
        if not fault:
            aws.s3.put_object(Bucket="uploads", Key=key, Body=body)
        before = len(aws.executions())
        for _ in range(2):
            creator, _ = build(aws, (200, {"job_id": "j1"}))
            assert creator.create_job(JobRequest(request.upload, 1))["status"] == ("rejected" if fault else "running")
        assert len(aws.notices()) == (1 if fault else 0)
        assert len(aws.executions()) - before <= (0 if fault else 1)
