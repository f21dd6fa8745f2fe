"""A Video Inference API on loopback that answers what a test tells it to.

Its default answers have the form of `tests/contract/examples`.
"""

import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving import serve

_PIECE_BYTES = 1024 * 1024

MODEL_ID = "rock-paper-scissors-presentation"
RESULTS = json.dumps(
    {"frame_offset": [0], "time_offset": [0.0], MODEL_ID: [{"predictions": [{"class": "Rock"}]}]}
).encode()


@dataclass(frozen=True)
class Answer:
    """One answer; a `body` that is not bytes is sent as JSON."""

    body: Any
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Returns the body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class StandInApi:
    """A running API: the answers to give, and the requests it received.

    Attributes:
        url: Its base URL.
        creation: The answer to each request that creates a job.
        statuses: The successive answers to requests for a status; the last one repeats.
        results: The results file.
        resets_kept_connections: Whether a second request on a connection gets a reset, as from a server that has closed
            the connection in the meantime.
        requests: Method, path, query and body of each request; the body of an uploaded file is replaced by its SHA-256.
    """

    url: str
    creation: Answer = field(default_factory=lambda: Answer({"job_id": "stand-in-job", "message": ""}))
    statuses: list[Answer] = field(default_factory=list)
    results: bytes = RESULTS
    resets_kept_connections: bool = False
    requests: list[tuple[str, str, dict[str, list[str]], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        """Records a request and returns its answer."""
        with self.lock:
            self.requests.append((method, path, query, body))
            match method, path.rstrip("/"):
                case "POST", "/video_upload_signed_url":
                    return Answer({"signed_url": f"{self.url}/uploads/1?X-Goog-Algorithm=a&X-Goog-Expires=60"})
                case "PUT", "/uploads/1":
                    return Answer({})
                case "POST", "/videoinfer":
                    return self.creation
                case "GET", "/videoinfer":
                    return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                case "GET", "/results.json":
                    return Answer(self.results)
            return Answer({"error": f"no such path: {path}"}, 404)

    def done(self) -> Answer:
        """The status of a job that is done, with a link to the results."""
        return Answer({"status": 0, "output_signed_url": f"{self.url}/results.json?X-Goog-Signature=secret"})

    def count(self, method: str, path: str) -> int:
        """Counts the requests with a method and path, without regard to a slash at the end."""
        return sum(
            (method, path) == (seen_method, seen_path.rstrip("/")) for seen_method, seen_path, *_ in self.requests
        )


@contextmanager
def stand_in_api() -> Iterator[StandInApi]:
    """Runs an API until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    with serve(server) as url:
        server.api = api = StandInApi(url)  # type: ignore[attr-defined]
        yield api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_used = False

    def _handle(self) -> None:
        body = self._read_body(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        api: StandInApi = self.server.api  # type: ignore[attr-defined]
        if self.is_used and api.resets_kept_connections:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()  # sends a reset, because of SO_LINGER
            self.close_connection = True
            return
        self.is_used = True
        answer = api.answer(self.command, url.path, parse_qs(url.query), body)
        content = answer.encode()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _read_body(self, size: int) -> bytes:
        if self.command != "PUT":
            return self.rfile.read(size)
        digest = hashlib.sha256()
        while piece := self.rfile.read(min(size, _PIECE_BYTES)):
            digest.update(piece)
            size -= len(piece)
        return digest.hexdigest().encode()

    do_GET = do_POST = do_PUT = _handle  # noqa: N815  the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Prints nothing: `requests` holds the requests."""
