"""Fetching a video: the errors that users get, none of which contains the URL's query."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import urllib3

from tests.stand_ins.engine import VIDEOS_BUCKET, EngineInProcess
from tests.stand_ins.internet import PUBLIC_ADDRESS, Internet, answer_with
from videoengine import video_fetch
from videoengine.errors import JobFailed

URL = "https://videos.example.com/a.mp4?X-Amz-Signature=very-secret"
POOL = urllib3.HTTPSConnectionPool("videos.example.com")
CONNECTION = urllib3.connection.HTTPConnection("videos.example.com")

type Fetch = Callable[[Any], None]


@pytest.fixture
def fetch(engine: EngineInProcess, internet: Internet) -> Fetch:
    """Fetches from a server with a given answer."""

    def fetch_from(outcome: Any) -> None:
        internet.answers.append(outcome)
        video_fetch.fetch_video(engine.s3, URL, VIDEOS_BUCKET, "video", max_bytes=30_000_000, allowed=())

    return fetch_from


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 5, 20_000_000], ids=["empty", "small", "several parts"])
def test_the_object_is_what_the_server_sent(size: int, fetch: Fetch, engine: EngineInProcess) -> None:
    content = bytes(range(250)) * (size // 250) + bytes(size % 250)
    fetch(answer_with(content))
    assert engine.s3.get_object(Bucket=VIDEOS_BUCKET, Key="video")["Body"].read() == content


class Cut(io.BytesIO):
    """A body whose connection breaks off."""

    def read1(self, size: int | None = -1, /) -> bytes:
        if chunk := super().read1(size):
            return chunk
        raise urllib3.exceptions.ProtocolError("Connection broken", URL)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (answer_with(status=403, reason="Forbidden"), "videos.example.com answered 403 Forbidden"),
        (answer_with(status=503), "videos.example.com answered 503"),
        (
            urllib3.exceptions.MaxRetryError(POOL, URL, urllib3.exceptions.NewConnectionError(CONNECTION, URL)),
            "it refuses connections",
        ),
        (
            urllib3.exceptions.MaxRetryError(POOL, URL, urllib3.exceptions.ConnectTimeoutError(POOL, URL)),
            "no connection within 10 s",
        ),
        (urllib3.exceptions.ReadTimeoutError(POOL, URL, "Read timed out"), "no data for 60 s"),
        (urllib3.exceptions.SSLError("certificate"), "its certificate is not accepted"),
        (urllib3.HTTPResponse(Cut(b"half"), status=200, preload_content=False), r"broke off \(ProtocolError\)"),
    ],
)
def test_a_failure_gives_the_reason_but_never_the_query(outcome: Any, reason: str, fetch: Fetch) -> None:
    with pytest.raises(JobFailed, match=reason) as failure:
        fetch(outcome)
    assert "videos.example.com" in str(failure.value)
    assert "secret" not in str(failure.value)
    assert failure.value.__suppress_context__ or failure.value.__context__ is None


def test_a_video_may_not_be_larger_than_the_limit(fetch: Fetch, engine: EngineInProcess) -> None:
    with pytest.raises(JobFailed, match="larger than this engine's limit"):
        fetch(answer_with(bytes(30_000_001)))
    assert "Contents" not in engine.s3.list_objects_v2(Bucket=VIDEOS_BUCKET)


def test_the_next_address_is_tried_if_one_refuses_connections(engine: EngineInProcess, internet: Internet) -> None:
    internet.names["videos.example.com"] = [["2600:1fa0::1", PUBLIC_ADDRESS]]
    refused = urllib3.exceptions.NewConnectionError(CONNECTION, URL)
    internet.answers += [urllib3.exceptions.MaxRetryError(POOL, URL, refused), answer_with(b"video")]
    video_fetch.fetch_video(engine.s3, URL, VIDEOS_BUCKET, "video", max_bytes=1000, allowed=())
    assert [connection.address for connection in internet.connections] == [PUBLIC_ADDRESS, "2600:1fa0::1"]
