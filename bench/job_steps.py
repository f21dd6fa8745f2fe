"""Measures the steps that a job runs once, for `bench.fan_out`: their start, planning and merging.

Each step's code runs in this process, against the embedded AWS's S3 in another one, so the CPU time is the step's own,
with its requests. Time that a step waits for S3 can't be measured so: requests and bytes are counted instead. The
embedded AWS has no TLS, so the cost of new connections is measured apart.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from botocore.config import Config
from botocore.httpsession import create_urllib3_context, where

from bench.cold_import import BuiltFunction
from bench.sending import make_certificate
from videoengine import clients, planning, warming
from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.merging import merge
from videoengine.mp4_boxes import VideoTrack, read_video_track
from videoengine.object_keys import offsets_key, part_key, video_key
from videoengine.planning import plan
from videoengine.s3_file import S3Object
from videoengine.settings import FetchSettings, MergeSettings, PlanSettings
from videoengine.timeline import Timeline
from videoengine.warming import estimate_workers
from videoinfer.local.embedded_aws import REGION, embedded_aws, local_session

ELEMENT_BYTES = 1500
"""A frame's element with five boxes."""

BUCKET = "videos"
MODEL = ModelRequest("model", "1", "object-detection", 0.4, 0.3)
_START = """
import sys, time
sys.path[:0] = sys.argv[1:]
import app
from videoengine import clients
clients.s3()
print(time.process_time())
"""

_ACCEPT = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

_SHAKE_HANDS = """
import socket, ssl, sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    with context.wrap_socket(listening.accept()[0], server_side=True) as connected:
        connected.recv(1)
"""


@dataclass(frozen=True)
class StepCosts:
    """What a step costs once its function has started.

    Attributes:
        cpu: CPU time in seconds.
        requests: Requests to S3.
        received: Bytes that S3 sends.
    """

    cpu: float
    requests: int
    received: int


class Storage:
    """The embedded AWS's S3, as the steps use it."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3
        self._counts = Counter[str]()
        s3.meta.events.register("before-send.s3.*", lambda **_: self._counts.update(["requests"]))
        s3.meta.events.register("after-call.s3.GetObject", self._count_bytes)

    def _count_bytes(self, parsed: dict[str, Any], **_: Any) -> None:
        self._counts["bytes"] += parsed["ContentLength"] if "Body" in parsed else 0

    def measure(self, step: Callable[[], object]) -> StepCosts:
        """Runs a step, and counts what it costs."""
        self._counts.clear()
        started = time.process_time()
        step()
        return StepCosts(time.process_time() - started, self._counts["requests"], self._counts["bytes"])

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


@contextmanager
def open_storage() -> Iterator[Storage]:
    """Runs an embedded AWS, whose S3 the steps use, until the block ends."""
    with embedded_aws() as aws:
        config = Config(max_pool_connections=clients.CONNECTIONS, s3={"addressing_style": "path"})
        s3 = local_session().client("s3", endpoint_url=aws.endpoint_url, config=config)
        s3.create_bucket(Bucket=BUCKET)
        with patch.object(clients, "s3", lambda: s3):
            yield Storage(s3)


def measure_start(function: BuiltFunction, boto3_folder: Path, repeats: int) -> float:
    """The CPU time in seconds until a new interpreter has imported a function and has a client of S3."""
    command = [sys.executable, "-I", "-S", "-B", "-c", _START, *map(str, (*function.import_path, boto3_folder))]
    environment = {"AWS_DEFAULT_REGION": REGION, "PATH": os.environ["PATH"]}
    runs = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return median(float(run.stdout) for run in runs)


def measure_connecting(repeats: int = 20) -> tuple[float, float]:
    """The CPU time in seconds of a client's first TLS connection, and of each further one.

    The certificate authorities are botocore's. It has OpenSSL read them for each connection.
    """
    with TemporaryDirectory() as folder:
        certificate, authorities = Path(folder) / "server.pem", Path(folder) / "authorities.pem"
        make_certificate(certificate)
        authorities.write_bytes(Path(where()).read_bytes() + certificate.read_bytes())
        with start_server(_SHAKE_HANDS, str(certificate)) as port:
            context, clocks = create_urllib3_context(), [time.process_time()]
            for _ in range(1 + repeats):
                context.load_verify_locations(str(authorities))
                with (
                    socket.create_connection(("127.0.0.1", port)) as connected,
                    context.wrap_socket(connected, server_hostname="127.0.0.1"),
                ):
                    clocks.append(time.process_time())
    return clocks[1] - clocks[0], median(np.diff(clocks[1:]))


def measure_reading(
    storage: Storage, videos: Sequence[tuple[float, Path]], repeats: int = 5
) -> Callable[[float], StepCosts]:
    """Plans two videos of the same kind, and returns the costs of planning one of any length in seconds.

    The costs are those of the fastest of `repeats` runs, because the extrapolation multiplies what others cause.

    Args:
        videos: The length in seconds and the file of a short and a longer video.
    """
    costs = []
    for seconds, video in videos:
        job = make_job(f"{seconds}")
        storage.put(job.video_key, video.read_bytes())
        runs = [storage.measure(partial(plan, job, _settings(max_concurrency=1))) for _ in range(repeats)]
        costs.append(min(runs, key=lambda run: run.cpu))
    (short_seconds, _), (long_seconds, _) = videos
    short, long = costs

    def extrapolate(seconds: float) -> StepCosts:
        share = (seconds - short_seconds) / (long_seconds - short_seconds)
        cpu, requests, received = (
            before + share * (after - before)
            for before, after in (
                (short.cpu, long.cpu),
                (short.requests, long.requests),
                (short.received, long.received),
            )
        )
        return StepCosts(cpu, round(requests), max(round(received), 0))

    return extrapolate


def measure_cutting(storage: Storage, timeline: Timeline, video: Path, workers: int) -> StepCosts:
    """Plans a video whose timeline is already read."""
    job = make_job(f"{workers}-workers")
    storage.put(job.video_key, video.read_bytes())
    with (
        patch.object(planning, "read_timeline", lambda *_: timeline),
        patch.object(planning, "check_cut", lambda *_: ""),
    ):
        return storage.measure(lambda: plan(job, _settings(max_concurrency=workers)))


def measure_warming(storage: Storage, video: Path, track: VideoTrack, workers: int) -> tuple[StepCosts, int]:
    """Reads a video's index, and calls as many workers as a job for `track` will have. There is a client of Lambda.

    Returns:
        The costs, whose requests are those to S3, and the number of calls.
    """
    job = make_job("warming")
    storage.put(job.video_key, video.read_bytes())
    settings = _fetch_settings(workers)

    def read(file: S3Object, size: int) -> VideoTrack:
        read_video_track(file, size)
        return track

    with (
        start_server(_ACCEPT) as port,
        patch.object(warming, "read_video_track", read),
        patch.object(warming, "MIN_BYTES", 0),
        patch.object(clients, "lambda_", partial(lambda client: client, _connect_lambda(port))),
    ):
        cost = storage.measure(lambda: warming.warm_up_workers(job, video.stat().st_size, settings))
    return cost, estimate_workers(job, track, workers)


def measure_step_calls(storage: Storage) -> StepCosts:
    """Creates a client of Lambda, and calls the steps that follow."""
    job = make_job("calls")
    with start_server(_ACCEPT) as port, patch.object(clients, "lambda_", partial(_connect_lambda, port)):

        def call() -> None:
            with warming.warm_up_steps(job, warming.MIN_FETCHED_BYTES, _fetch_settings(1)):
                pass

        return storage.measure(call)


def _connect_lambda(port: int) -> Any:
    config = Config(max_pool_connections=clients.CALLS_AT_ONCE)
    return local_session().client("lambda", endpoint_url=f"http://127.0.0.1:{port}", config=config)


@contextmanager
def start_server(program: str, *arguments: str) -> Iterator[int]:
    """Runs a server in another process, which prints its port, and yields the port."""
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout  # noqa: S101 - mypy
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def measure_merging(storage: Storage, segments: int, frames: int) -> StepCosts:
    """Merges the results of one model.

    Args:
        frames: The number of sampled frames in all segments.
    """
    job, part = make_job(f"{segments}-segments"), make_part(frames // segments)
    with ThreadPoolExecutor(clients.CONNECTIONS) as threads:
        list(threads.map(lambda n: storage.put(part_key(job.job_id, n, MODEL.model_id), part), range(segments)))
    storage.put(offsets_key(job.job_id), make_offsets(frames))
    return storage.measure(lambda: merge(job, range(segments), MergeSettings(0.5, BUCKET)))


def make_part(frames: int) -> bytes:
    """A segment's results, with ELEMENT_BYTES for each frame."""
    prediction = {"x": 1234.5, "y": 1234.5, "width": 123.45, "height": 123.45, "confidence": 0.5, "class": "person"}
    element = {"time": 0.0321, "image": {"width": 1920, "height": 1080}, "predictions": [prediction]}
    element["padding"] = "x" * (ELEMENT_BYTES - len(json.dumps(element)))
    return "\n".join([json.dumps(element)] * frames).encode()


def make_offsets(frames: int) -> bytes:
    """The beginning of the results, as the plan writes it."""
    offsets = [frame / 5 for frame in range(frames)]
    return f'"frame_offset": {offsets}, "time_offset": {offsets}'.encode()


def make_job(job_id: str) -> JobSpec:
    return JobSpec(job_id, Fraction(5), (MODEL,), video_key(job_id))


def _fetch_settings(max_concurrency: int) -> FetchSettings:
    return FetchSettings("", "", "infer-segment", "jobs", max_concurrency, 10.0, "merge-results", "plan-job", BUCKET)


def _settings(max_concurrency: int) -> PlanSettings:
    return PlanSettings(max_concurrency, 0.5, 10**9, 2_000_000, 999.0, BUCKET)
