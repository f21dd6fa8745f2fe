"""Fetching a file in parts: side by side, and what is done about a server that does not keep its promise."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.internet import Internet
from tests.stand_ins.range_server import Answer, Change, RangeServer
from videoengine import parallel_fetch, video_fetch
from videoengine.errors import JobFailed
from videoengine.multipart_upload import Part

PART_BYTES = 5 * 2**20  # the least that S3 takes
TOTAL = 12 * 2**20 + 5
CONTENT = bytes(range(251)) * (TOTAL // 251 + 1)
CONTENT = CONTENT[:TOTAL]
URL = "https://videos.example.com/a.mp4?signature=secret"
PARTS = ["bytes=0-5242879", "bytes=5242880-10485759", "bytes=10485760-12582916"]

type Fetch = Callable[[RangeServer], bytes]


@pytest.fixture(autouse=True)
def small_parts() -> Iterator[None]:
    with patch.object(parallel_fetch, "PART_BYTES", PART_BYTES):
        yield


@pytest.fixture
def fetch(engine: EngineInProcess, internet: Internet) -> Fetch:
    """Fetches from a server, and returns the object."""

    def fetch_from(server: RangeServer) -> bytes:
        internet.server = server.respond
        video_fetch.fetch_video(engine.s3, URL, VIDEOS_BUCKET, "video", max_bytes=TOTAL, allowed=())
        assert "Uploads" not in engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET)
        content: bytes = engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key="video")["Body"].read()
        return content

    return fetch_from


def on_request(number: int, make: Callable[[Answer], Answer]) -> Change:
    """Changes the answer to one request."""
    return lambda at, right: make(right) if at == number else None


def with_header(name: str, value: str) -> Callable[[Answer], Answer]:
    """Sends another header."""
    return lambda right: replace(right, headers={**right.headers, name: value})


def with_body(body: bytes) -> Callable[[Answer], Answer]:
    """Sends another body, with its length."""
    return lambda right: replace(right, body=body, headers={**right.headers, "Content-Length": str(len(body))})


def with_chunks(body: bytes) -> Callable[[Answer], Answer]:
    """Sends another body in chunks, without its length."""

    def change(right: Answer) -> Answer:
        headers = {name: value for name, value in right.headers.items() if name != "Content-Length"}
        return replace(right, body=body, headers=headers)

    return change


def with_status(status: int) -> Callable[[Answer], Answer]:
    """Sends another status, and no body."""
    return lambda _: Answer(status, {"Content-Length": "0"}, b"")


def cut_at(size: int) -> Callable[[Answer], Answer]:
    """Breaks the connection off after `size` bytes."""
    return lambda right: replace(right, body=right.body[:size])


@pytest.mark.parametrize("size", [1, PART_BYTES, PART_BYTES + 1, TOTAL])
def test_the_object_is_what_the_server_has(size: int, fetch: Fetch) -> None:
    server = RangeServer(CONTENT[:size])
    assert fetch(server) == CONTENT[:size]
    assert len(server.requests) == -(-size // PART_BYTES)


def test_each_part_is_requested_once_for_the_same_version(fetch: Fetch) -> None:
    server = RangeServer(CONTENT)
    assert fetch(server) == CONTENT
    assert sorted(server.ranges) == sorted(PARTS)
    assert [headers.get("If-Match") for headers in server.requests] == [None, server.etag, server.etag]
    assert {headers["Accept-Encoding"] for headers in server.requests} == {"identity"}


def test_parts_are_fetched_side_by_side(fetch: Fetch) -> None:
    together = threading.Barrier(2, timeout=10)

    def wait(number: int, _: Answer) -> None:
        if number:
            together.wait()

    assert fetch(RangeServer(CONTENT, change=wait)) == CONTENT


def test_a_part_that_breaks_off_is_continued(fetch: Fetch) -> None:
    server = RangeServer(CONTENT, change=on_request(0, cut_at(7)))
    assert fetch(server) == CONTENT
    assert sorted(server.ranges) == sorted([*PARTS, "bytes=7-5242879"])


def test_a_part_is_requested_a_limited_number_of_times(fetch: Fetch) -> None:
    def cut_second(_: int, right: Answer) -> Answer | None:
        in_second = right.status == 206 and right.headers["Content-Range"].endswith(f"-10485759/{TOTAL}")
        return cut_at(1)(right) if in_second else None

    server = RangeServer(CONTENT, change=cut_second)
    assert fetch(server) == CONTENT
    assert len([it for it in server.ranges if it.endswith("-10485759")]) == parallel_fetch.PART_TRIES
    assert server.ranges[-1] == ""


@pytest.mark.parametrize(
    "lie",
    [
        lambda _: Answer(200, {"Content-Length": str(TOTAL)}, CONTENT),
        with_header("Content-Range", f"bytes 5242880-10485759/{TOTAL + 1}"),
        with_header("Content-Range", f"bytes 0-5242879/{TOTAL}"),
        with_header("Content-Range", ""),
        with_header("ETag", '"version-2"'),
        with_header("ETag", ""),
        with_header("Content-Encoding", "gzip"),
        with_body(bytes(PART_BYTES + 1)),
        with_body(bytes(10)),
        with_chunks(bytes(PART_BYTES - 1)),
        with_chunks(bytes(PART_BYTES + 1)),
        with_status(412),
        with_status(416),
        with_status(403),
        with_status(503),
        lambda _: Answer(302, {"Location": "http://169.254.169.254/", "Content-Length": "0"}, b""),
    ],
)
def test_a_part_that_is_not_as_promised_makes_it_one_stream(lie: Callable[[Answer], Answer], fetch: Fetch) -> None:
    server = RangeServer(CONTENT, change=on_request(1, lie))
    assert fetch(server) == CONTENT
    assert server.ranges[-1] == ""


def test_a_file_that_is_replaced_meanwhile_is_fetched_in_its_new_version(fetch: Fetch) -> None:
    server = RangeServer(CONTENT)

    def replace_after_first(number: int, right: Answer) -> None:
        del right
        if number == 0:
            server.content, server.etag = CONTENT[::-1], '"version-2"'

    server.change = replace_after_first
    assert fetch(server) == CONTENT[::-1]


@pytest.mark.parametrize(
    "lie",
    [
        with_header("ETag", 'W/"version-1"'),
        with_header("ETag", ""),
        with_header("Content-Range", f"bytes 0-5242878/{TOTAL}"),
        with_header("Content-Range", f"bytes 1-5242880/{TOTAL}"),
        with_header("Content-Range", "bytes 0-5242879/*"),
        with_header("Content-Range", ""),  # as in multipart/byteranges
        with_status(416),
    ],
)
def test_ranges_that_can_t_be_relied_on_are_not_used(lie: Callable[[Answer], Answer], fetch: Fetch) -> None:
    server = RangeServer(CONTENT, change=on_request(0, lie))
    assert fetch(server) == CONTENT
    assert server.ranges == [PARTS[0], ""]


def test_a_server_without_ranges_is_asked_once(fetch: Fetch) -> None:
    server = RangeServer(CONTENT, change=lambda _, __: Answer(200, {"Content-Length": str(TOTAL)}, CONTENT))
    assert fetch(server) == CONTENT
    assert server.ranges == [PARTS[0]]


def test_an_empty_file_has_no_ranges(fetch: Fetch) -> None:
    assert fetch(RangeServer(b"")) == b""


def test_a_file_above_the_limit_is_not_fetched(fetch: Fetch) -> None:
    server = RangeServer(CONTENT + b"1")
    with pytest.raises(JobFailed, match="larger than this engine's limit"):
        fetch(server)
    assert server.ranges == [PARTS[0]]


def test_a_part_without_a_range_asked_for_is_an_error(fetch: Fetch) -> None:
    right = RangeServer(CONTENT).answer({"Range": PARTS[0]})
    server = RangeServer(CONTENT, change=lambda _, __: replace(right, headers={**right.headers, "ETag": ""}))
    with pytest.raises(JobFailed, match=r"videos\.example\.com answered 206"):
        fetch(server)


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_after_a_function_is_killed_the_next_one_stores_the_whole_file(
    killed_at: int, fetch: Fetch, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = engine.s3.upload_part

    def upload_or_die(**parameters: object) -> object:
        if parameters["PartNumber"] == killed_at:
            raise KeyboardInterrupt
        return upload(**parameters)

    with monkeypatch.context() as patched:
        patched.setattr(engine.s3, "upload_part", upload_or_die)
        patched.setattr(engine.s3, "abort_multipart_upload", lambda **_: None)  # a killed function does nothing more
        with pytest.raises(KeyboardInterrupt):
            fetch(RangeServer(CONTENT))
    assert "Contents" not in engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET)
    [left_over] = engine.s3.list_multipart_uploads(Bucket=VIDEOS_BUCKET)["Uploads"]  # its bucket's rule aborts it
    engine.s3.abort_multipart_upload(Bucket=VIDEOS_BUCKET, Key="video", UploadId=left_over["UploadId"])
    assert fetch(RangeServer(CONTENT)) == CONTENT


def test_parts_that_stop_because_of_another_give_its_error(
    fetch: Fetch, engine: EngineInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a failure of S3 would look like a server without ranges, and the whole file would be fetched again."""

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "UploadPart")

    def upload_in_order(*arguments: Any) -> None:
        *_, parts, _, put = arguments
        first, last = (Part({"Bucket": "", "Key": "", "UploadId": "", "PartNumber": 1}, parts[at]) for at in (0, -1))
        with suppress(ClientError):
            put(first)
        put(last)

    monkeypatch.setattr(engine.s3, "upload_part", refuse)
    monkeypatch.setattr(parallel_fetch, "upload_parts", upload_in_order)
    server = RangeServer(CONTENT)
    with pytest.raises(ClientError, match="SlowDown"):
        fetch(server)
    assert "" not in server.ranges


def test_a_url_that_is_valid_for_one_request_only_is_explained(fetch: Fetch) -> None:
    """So is one that expires before the last part: servers check signatures only at the beginning of a request."""
    server = RangeServer(CONTENT, change=lambda at, right: replace(right, status=403) if at else None)
    with pytest.raises(JobFailed, match=r"videos\.example\.com sent its beginning and then answered 403; give a URL"):
        fetch(server)
