"""A Video Inference API on loopback with a rate limit: it counts requests and answers excess ones with 429.

A video's name decides what happens to its job: `refused…` is rejected, `failing…` fails, others are done at the first
poll. Answers have the form of `tests/contract/examples`.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.serving import serve

_RESULTS: dict[str, Any] = {"frame_offset": [0], "time_offset": [0.0], "rock-paper-scissors-presentation": [None]}


@dataclass
class LimitedApi:
    """A running API, and the requests it received.

    Attributes:
        requests: The rate limit: the most requests in any `seconds`.
        arrivals: When each request arrived, by the monotonic clock, in seconds; downloads of results don't count.
        refusals: How many of them were answered with 429.
        jobs: How often a job was requested, by the name of its video.
        polls: How often a job's status was requested, by job_id.
    """

    url: str
    requests: int
    seconds: float
    arrivals: list[float] = field(default_factory=list)
    refusals: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        """Returns the status code and the JSON body of an answer, and counts the request."""
        if path.startswith("/results/"):
            return 200, _RESULTS
        with self.lock:
            if not self._count():
                return 429, {"error": "Too many requests"}
            if method == "POST":
                return self._create(urlsplit(json.loads(body)["input_url"]).path)
            return self._tell(query["job_id"][0])

    def count_in_any_window(self) -> int:
        """The most requests that arrived in any window of `seconds`."""
        arrivals = sorted(self.arrivals)
        most = first = 0
        for last, arrived in enumerate(arrivals):
            while arrived - arrivals[first] >= self.seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def _count(self) -> bool:
        now = time.monotonic()
        self.arrivals.append(now)
        taken = sum(now - arrived < self.seconds for arrived in self.arrivals[-self.requests - 1 :])
        self.refusals += taken > self.requests
        return taken <= self.requests

    def _create(self, video: str) -> tuple[int, Any]:
        name = unquote(video).rsplit("/", 1)[-1]
        self.jobs[name] = self.jobs.get(name, 0) + 1
        if name.startswith("refused"):
            return 400, {"error": "This video is of no use."}
        return 200, {"job_id": name, "message": ""}

    def _tell(self, job_id: str) -> tuple[int, Any]:
        self.polls[job_id] = self.polls.get(job_id, 0) + 1
        if job_id.startswith("failing"):
            return 200, {"status": 2, "error": "The GPU is on fire."}
        return 200, {"status": 0, "output_signed_url": f"{self.url}/results/{job_id}.json?X-Goog-Signature=secret"}


@contextmanager
def limited_api(requests: int, seconds: float) -> Iterator[LimitedApi]:
    """Runs an API until the block ends, which takes `requests` requests in any `seconds`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    with serve(server) as url:
        server.api = api = LimitedApi(url, requests, seconds)  # type: ignore[attr-defined]
        yield api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        api: LimitedApi = self.server.api  # type: ignore[attr-defined]
        status_code, answer = api.answer(self.command, url.path, parse_qs(url.query), body)
        content = json.dumps(answer).encode()
        self.send_response(status_code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _handle  # noqa: N815  the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Prints nothing: `arrivals` counts the requests."""
