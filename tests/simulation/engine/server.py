"""The web server of a video, in simulated time, behind urllib3's own retries and reading of answers."""

import io
import random
import socket
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.exceptions import NewConnectionError, ProtocolError

from tests.simulation.timeline import Timeline

SERVER_FAULTS = (
    "killed before",
    "killed after",
    "no connection",
    "reset",
    "503",
    "403",
    "cut",
    "stalls",
    "trickles",
    "whole",
    "another range",
)
"""Of a request to a server of videos. `whole`: it ignores the range. `another range`: it sends another one than it was
asked for.
"""

ADDRESS = "93.184.215.14"


@dataclass
class VideoServer:
    """A server, and its files by path: each an ETag and the content."""

    timeline: Timeline
    order: random.Random
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def put(self, path: str, content: bytes) -> None:
        self.files[path] = f'"{zlib.crc32(content):08x}"', content

    def answer(self, conn: Any, target: str, headers: Mapping[str, str], fault: str) -> urllib3.HTTPResponse:
        """Answers a request, as `urllib3.HTTPConnectionPool._make_request` does."""
        if fault == "no connection":
            raise NewConnectionError(conn, "refused")
        if fault == "reset":
            raise ProtocolError("Connection aborted.", ConnectionResetError())
        path = target.partition("?")[0]
        if fault in ("503", "403") or path not in self.files:
            return self._respond(b"", int(fault) if fault in ("503", "403") else 404, {})
        etag, content = self.files[path]
        if headers.get("If-Match", etag) != etag:
            return self._respond(b"", 412, {})
        status, told = 200, {"ETag": etag}
        if "Range" in headers and fault != "whole":
            first, _, last = headers["Range"].removeprefix("bytes=").partition("-")
            shift = 1 if fault == "another range" else 0
            start, end = int(first) + shift, min(int(last) + 1 + shift, len(content))
            if int(first) >= len(content):
                return self._respond(b"", 416, {})
            told["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            status, content = 206, content[start:end]
        length = len(content)
        if fault in ("cut", "stalls"):
            content = content[: length // 2]
        return self._respond(content, status, told | {"Content-Length": str(length)}, fault)

    def _respond(
        self, content: bytes, status: int, headers: Mapping[str, str], fault: str = ""
    ) -> urllib3.HTTPResponse:
        body = _ServerBody(content, self.timeline, fault)
        return urllib3.HTTPResponse(body, headers, status, preload_content=False, request_method="GET")


class _ServerBody(io.BytesIO):
    def __init__(self, content: bytes, timeline: Timeline, fault: str) -> None:
        super().__init__(content)
        self._timeline, self._fault = timeline, fault

    def read1(self, size: int | None = -1) -> bytes:
        self._timeline.sleep(50.0 if self._fault == "trickles" else 0.01)
        content = super().read1(size)
        if not content and self._fault == "stalls":
            self._timeline.sleep(60.0)
            raise TimeoutError
        return content


class Pool(urllib3.HTTPConnectionPool):
    """A pool whose requests never leave the process."""

    def __init__(self, call: Callable[[Any, str, Mapping[str, str]], urllib3.HTTPResponse]) -> None:
        super().__init__(ADDRESS, 80)
        self._call = call

    def _make_request(self, conn: Any, method: str, url: str, *_: Any, **options: Any) -> Any:
        return self._call(conn, url, options["headers"])


class SimulatedTimer:
    """`threading.Timer` in simulated time."""

    daemon = True

    def __init__(self, timeline: Timeline, seconds: float, act: Callable[[], None]) -> None:
        self._timeline, self._seconds, self._act = timeline, seconds, act
        self._is_on = True

    def start(self) -> None:
        self._timeline.after(self._seconds, lambda: self._act() if self._is_on else None)

    def cancel(self) -> None:
        self._is_on = False


def resolve(fault: str) -> list[Any]:
    """Stands for `socket.getaddrinfo`."""
    if fault:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESS, 443))]
