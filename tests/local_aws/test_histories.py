"""Histories end on the embedded AWS as they do in the simulation (`tests/simulation`), which keeps its own AWS."""

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.local_aws.pipelines import DeployedPipeline, DeployPipeline
from tests.serving import serve
from tests.simulation.api import API_KEYS, API_URL, STORAGE_URL, Api, name_call
from tests.simulation.histories import End, ScriptedApi, Video, describe_end, draw_history, simulate
from videoinfer.upload_progress import UploadedVideo

SEEDS = (0,)
_STORAGE_PATH = "/storage"


class _Handler(BaseHTTPRequestHandler):
    """Passes requests to the simulation's API. Storage's URLs are below a path."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _handle(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        base, path = API_URL, self.path
        if path.startswith(_STORAGE_PATH):
            base, path = STORAGE_URL, path.removeprefix(_STORAGE_PATH)
        request = requests.Request(self.command, base + path, dict(self.headers), data=content).prepare()
        with self.server.lock:
            answer = self.server.api.answer(name_call(request), request)
        self.close_connection = True
        if isinstance(answer, BaseException):
            return
        status_code, body, *further = answer
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        raw = raw.replace(STORAGE_URL.encode(), f"http://127.0.0.1:{self.server.server_port}{_STORAGE_PATH}".encode())
        headers = {"Content-Length": str(len(raw)), **(further[0] if further else {})}
        self.send_response(status_code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815  as the class names them

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    api: ScriptedApi
    lock: threading.Lock


@contextmanager
def serve_api(api: ScriptedApi) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.api, server.lock = api, threading.Lock()
    with serve(server) as url:
        yield url


def wait_patiently(pipeline: DeployedPipeline, upload: UploadedVideo) -> Mapping[str, Any]:
    """Waits longer than other tests do, because all videos of the histories are under way at once."""
    with suppress(AssertionError):
        return pipeline.wait_for_job(upload)
    return pipeline.wait_for_job(upload)


@pytest.fixture(scope="module")
def videos() -> list[Video]:
    return [video for seed in SEEDS for video in draw_history(seed)]


@pytest.fixture(scope="module")
def ends(deploy_pipeline: DeployPipeline, videos: list[Video]) -> Mapping[bool, Mapping[str, End]]:
    """The videos' ends, by whether the API knows keys. Both histories happen at once, because they mostly wait."""
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda knows_keys: live(deploy_pipeline, videos, knows_keys=knows_keys), (False, True))
        return dict(zip((False, True), found, strict=True))


def live(deploy_pipeline: DeployPipeline, videos: list[Video], *, knows_keys: bool) -> Mapping[str, End]:
    """Lets a pipeline on the embedded AWS live through a history, and returns the ends of its videos."""
    order = random.Random(0)  # noqa: S311  a simulation
    api = ScriptedApi(Api(order, time.time, lambda *_: b"video", knows_keys, takes_ranges=True), videos)
    api.api.ends_soon = True
    with serve_api(api) as url:
        pipeline = deploy_pipeline(ApiUrl=url, ApiKey=API_KEYS[0], ApiRequestsPerMinute="0", Outputs="csv")
        uploads = {video.name: pipeline.upload(video.name, b"video", video.metadata) for video in videos}
        for video in videos:
            if video.is_doubled:
                pipeline.clients.sqs.send_message(
                    QueueUrl=pipeline.pipeline.uploads_queue_url,
                    MessageBody=pipeline.compose_event(uploads[video.name]),
                )
        found = {}
        for video in videos:
            item = wait_patiently(pipeline, uploads[video.name])
            outcomes = [notice.outcome for notice in pipeline.take_notices(uploads[video.name])]
            found[video.name] = describe_end(item, outcomes, api.count_jobs(video.name))
    return found


@pytest.mark.parametrize("knows_keys", [False, True], ids=["hosted", "engine"])
def test_histories_end_as_simulated(
    ends: Mapping[bool, Mapping[str, End]], videos: list[Video], knows_keys: bool
) -> None:
    assert ends[knows_keys] == simulate(videos, knows_keys=knows_keys)
