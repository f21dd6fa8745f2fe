"""A Video Inference API on loopback that fails on command, separately for each upload, and counts the jobs it bills.

Its proper answers are those of `tests/contract/examples`. An upload is identified by the last path segment of its
`input_url`: the key in a presigned URL, or the name of a file that was sent to the API.
"""

import http
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.serving import serve

type Ending = Literal[
    "whole", "reset", "reset in the body", "truncated", "half a chunk", "silence", "silence in the body"
]

SILENCE_SECONDS = 1.0
"""How long the API stays silent: longer than a hurried client waits."""


@dataclass(frozen=True)
class Fault:
    """One faulty answer.

    Attributes:
        status_code: The HTTP status.
        body: Bytes, or what is sent as JSON; None sends the proper answer. If `acts`, the fields of an object replace
            those of the proper answer.
        headers: Headers besides the length of the body.
        ending: How the answer ends.
        acts: Whether the API still does what it was asked for.
        delay_seconds: How long the API waits before it answers.
    """

    status_code: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    ending: Ending = "whole"
    acts: bool = False
    delay_seconds: float = 0.0


@dataclass
class Script:
    """The faulty answers to the first calls about an upload; later calls are answered properly.

    Attributes:
        creations: Answers to calls that create a job.
        statuses: Answers to calls for a job's status.
        downloads: Answers to downloads of the results.
        results: The results file; None for the API's default.
        sends: Answers to PUTs of a video file.
        knows_keys: Whether the API creates one job for all calls with the same `Idempotency-Key`, as the engine does.
    """

    creations: list[Fault] = field(default_factory=list)
    statuses: list[Fault] = field(default_factory=list)
    downloads: list[Fault] = field(default_factory=list)
    results: bytes | None = None
    sends: list[Fault] = field(default_factory=list)
    knows_keys: bool = False


class Video(NamedTuple):
    """What a job analyzes: one version of one object. A file that was sent to the API has an empty `version_id`."""

    key: str
    version_id: str


type Kind = Literal["send", "create", "check", "download"]


@dataclass(frozen=True)
class Call:
    """One call that the API received.

    Attributes:
        at: When, by the monotonic clock, in seconds.
    """

    at: float
    kind: Kind
    video: Video


@dataclass
class FaultyApi:
    """A running API: its scripts, and the calls it received.

    Attributes:
        url: Its base URL.
        results: The results of every job whose script has none.
        scripts: The faulty answers by the upload's key.
        jobs: The videos by job_id; each job is billed.
        jobs_by_key: The job_id by `Idempotency-Key`, if the script's API knows keys.
        calls: All calls, in order.
        down: Key prefixes; every call about such a key is answered with 503, whatever its script says.
    """

    url: str
    results: bytes
    scripts: dict[str, Script] = field(default_factory=dict)
    jobs: dict[str, Video] = field(default_factory=dict)
    jobs_by_key: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def count_jobs(self, video: Video) -> int:
        """Counts the jobs that are billed for a video."""
        with self.lock:
            return sum(it in (video, Video(video.key, "")) for it in self.jobs.values())

    def list_calls(self, kind: str, video: Video) -> list[Call]:
        """Lists the calls of a kind about a video, in order."""
        with self.lock:
            return [call for call in self.calls if (call.kind, call.video) == (kind, video)]

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes, idempotency_key: str = ""
    ) -> Fault:
        """Decides how to answer a request, and records it."""
        with self.lock:
            match method, path.strip("/").split("/"):
                case "POST", ["video_upload_signed_url"]:
                    return Fault(body={"signed_url": f"{self.url}/uploads/{quote(json.loads(body)['file_name'])}"})
                case "PUT", ["uploads", name]:
                    return _complete(self._note("send", Video(unquote(name), ""), "sends"), {})
                case "POST", ["videoinfer"]:
                    return self._create(json.loads(body), idempotency_key)
                case "GET", ["videoinfer"]:
                    return self._check(query["job_id"][0])
                case "GET", ["results", job_id, _]:
                    return self._download(job_id)
        return Fault(404, {"error": f"no such path: {path}"})

    def _create(self, body: dict[str, Any], idempotency_key: str) -> Fault:
        url = urlsplit(body["input_url"])
        video = Video(unquote(url.path.rsplit("/", 1)[-1]), parse_qs(url.query).get("versionId", [""])[0])
        fault = self._note("create", video, "creations")
        if not fault.acts:
            return fault
        message = "This endpoint will create videojob"
        if self._script(video.key).knows_keys:
            job_id = self.jobs_by_key.setdefault(idempotency_key, f"job-{next(self._numbers)}-of-{video.key}")
            told = {"job_id": job_id, "message": message, "idempotency_key": idempotency_key}
        else:
            job_id = f"job-{next(self._numbers)}-of-{video.key}"
            told = {"job_id": job_id, "message": message}
        self.jobs[job_id] = video
        return _complete(fault, told)

    def _check(self, job_id: str) -> Fault:
        if job_id not in self.jobs:
            return Fault(404, {"error": f"Job {job_id} not found"})
        fault = self._note("check", self.jobs[job_id], "statuses")
        link = f"{self.url}/results/{job_id}/{next(self._numbers)}?X-Goog-Signature=secret"
        return _complete(fault, {"status": 0, "output_signed_url": link})

    def _download(self, job_id: str) -> Fault:
        fault = self._note("download", self.jobs[job_id], "downloads")
        results = self._script(self.jobs[job_id].key).results
        return _complete(fault, self.results if results is None else results)

    def _note(self, kind: Kind, video: Video, name: str) -> Fault:
        self.calls.append(Call(time.monotonic(), kind, video))
        if any(video.key.startswith(prefix) for prefix in self.down):
            return Fault(503, {"error": "no healthy upstream"})
        script: list[Fault] = getattr(self._script(video.key), name)
        return script.pop(0) if script else Fault(acts=True)

    def _script(self, key: str) -> Script:
        return self.scripts.setdefault(key, Script())


def _complete(fault: Fault, proper: Any) -> Fault:
    body = proper if fault.body is None else fault.body
    if fault.acts and isinstance(body, dict) and isinstance(proper, dict):
        body = {**proper, **body}
    return replace(fault, body=body)


@contextmanager
def faulty_api(results: bytes) -> Iterator[FaultyApi]:
    """Runs an API until the block ends. Every job's results are `results` unless its script has others."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    with serve(server) as url:
        server.api = api = FaultyApi(url, results)  # type: ignore[attr-defined]
        yield api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client was killed
            super().handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        api: FaultyApi = self.server.api  # type: ignore[attr-defined]
        key = self.headers.get("Idempotency-Key", "")
        fault = api.answer(self.command, url.path, parse_qs(url.query), body, key)
        content = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
        if fault.ending != "whole":
            self.close_connection = True
        time.sleep(fault.delay_seconds)
        with suppress(ConnectionError):  # the client has gone
            self._answer(fault, content)

    def _answer(self, fault: Fault, content: bytes) -> None:
        match fault.ending:
            case "reset":
                self._reset()
            case "silence":
                time.sleep(SILENCE_SECONDS)
            case "half a chunk":
                self._begin(fault, {"Transfer-Encoding": "chunked"})
                self.wfile.write(f"{len(content):x}\r\n".encode() + content[: len(content) // 2])
            case "truncated" | "silence in the body" | "reset in the body":
                self._begin(fault, {"Content-Length": str(len(content))})
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                if fault.ending == "silence in the body":
                    time.sleep(SILENCE_SECONDS)
                if fault.ending == "reset in the body":
                    self._reset()
            case "whole":
                self._begin(fault, {"Content-Length": str(len(content))})
                self.wfile.write(content)

    def _begin(self, fault: Fault, headers: dict[str, str]) -> None:
        self.send_response(http.HTTPStatus(fault.status_code))
        for name, value in {**headers, **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        """Closes the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    do_GET = do_POST = do_PUT = _handle  # noqa: N815  the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Prints nothing: `calls` holds the requests."""
