"""How boto3 calls the workers of a long job over HTTP: on few connections, side by side, and not for long."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from tests.serving import serve
from videoengine import clients, warming
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.mp4_boxes import VideoTrack
from videoengine.settings import FetchSettings
from videoengine.warming import MIN_BYTES, warm_up_workers

COUNT = 40
HOUR = VideoTrack(3600.0, 108_000, 1920 * 1080)
MODEL = ModelRequest("model", "1", "object-detection", 0.4, 0.3)
JOB = JobSpec("job", Fraction(5), (MODEL,), "jobs/job/video", 0.04)
SETTINGS = FetchSettings("", "", "infer-segment", "jobs", COUNT, 10.0, "merge-results", "plan-job", "videos")


class LambdaApi(ThreadingHTTPServer):
    """Answers as Lambda does to an asynchronous call: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.

    Attributes:
        calls, connections: Their numbers so far.
        seconds: How long a call takes.
        refused_from: The number of the first call that is throttled.
    """

    daemon_threads = True
    request_queue_size = COUNT  # connections that wait until they are accepted

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.calls = self.connections = 0
        self.seconds, self.refused_from = 0.02, COUNT + 1

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.connections += 1
        super().finish_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LambdaApi

    def do_POST(self) -> None:
        assert self.path == "/2015-03-31/functions/infer-segment/invocations"
        assert self.headers["X-Amz-Invocation-Type"] == "Event"
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls += 1
            is_refused = self.server.calls >= self.server.refused_from
        time.sleep(self.server.seconds)
        self.send_response(429 if is_refused else 202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaApi]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(clients, "s3", lambda: None)
    monkeypatch.setattr(warming, "S3Object", lambda *_: _File())
    monkeypatch.setattr(warming, "read_video_track", lambda *_: HOUR)
    with serve(server := LambdaApi()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        clients.lambda_.cache_clear()
        yield server
        clients.lambda_.cache_clear()


class _File(SimpleNamespace):
    size = MIN_BYTES

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_the_calls_share_a_few_connections(api: LambdaApi) -> None:
    warm_up_workers(JOB, MIN_BYTES, SETTINGS)
    assert api.calls == COUNT
    assert api.connections == clients.CALLS_AT_ONCE


def test_an_api_that_is_slow_is_given_up(api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api.seconds = 0.1
    monkeypatch.setattr(warming, "GIVE_UP_SECONDS", 0.15)
    warm_up_workers(JOB, MIN_BYTES, SETTINGS)
    assert clients.CALLS_AT_ONCE <= api.calls < COUNT


def test_no_more_calls_follow_one_that_is_throttled(api: LambdaApi) -> None:
    api.refused_from = 8
    warm_up_workers(JOB, MIN_BYTES, SETTINGS)
    assert api.refused_from <= api.calls < COUNT
