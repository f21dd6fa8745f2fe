"""A file on a server that takes ranges, as S3 does: https://www.rfc-editor.org/rfc/rfc9110#section-14."""

import io
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import urllib3


@dataclass
class Answer:
    """A response. `body` may be cut short or lengthened."""

    status: int
    headers: dict[str, str]
    body: bytes


type Change = Callable[[int, Answer], Answer | None]
"""Gets the number of the request, from 0 on, and the right answer; returns what to send, or None for the right one."""


@dataclass
class RangeServer:
    """Answers requests for one file.

    Attributes:
        content: The file.
        etag: Its ETag.
        change: What to send instead.
        requests: The headers of the requests, in the order of their arrival.
    """

    content: bytes
    etag: str = '"version-1"'
    change: Change | None = None
    requests: list[Mapping[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ranges(self) -> list[str]:
        """The ranges that were asked for; empty for the whole file."""
        return [headers.get("Range", "") for headers in self.requests]

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """Answers a request."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(headers)
        right = self._answer_rightly(headers)
        return (self.change and self.change(number, right)) or right

    def respond(self, headers: Mapping[str, str]) -> urllib3.HTTPResponse:
        """Answers a request as `Internet.server`."""
        answer = self.answer(headers)
        return urllib3.HTTPResponse(
            Body(answer.body, int(answer.headers.get("Content-Length", 0))),
            status=answer.status,
            headers=answer.headers,
            preload_content=False,
        )

    def _answer_rightly(self, headers: Mapping[str, str]) -> Answer:
        total, common = len(self.content), {"ETag": self.etag, "Accept-Ranges": "bytes"}
        if headers.get("If-Match", self.etag) != self.etag:
            return Answer(412, {"Content-Length": "0"}, b"")
        wanted = re.fullmatch("bytes=([0-9]+)-([0-9]+)", headers.get("Range", ""))
        if not wanted:
            return Answer(200, {**common, "Content-Length": str(total)}, self.content)
        first, last = int(wanted[1]), min(int(wanted[2]), total - 1)
        if first >= total:
            return Answer(416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"}, b"")
        body = self.content[first : last + 1]
        length = {"Content-Length": str(len(body)), "Content-Range": f"bytes {first}-{last}/{total}"}
        return Answer(206, {**common, **length}, body)


class Body(io.BytesIO):
    """A body whose connection breaks off before its declared length."""

    def __init__(self, content: bytes, length: int) -> None:
        super().__init__(content)
        self._is_cut = len(content) < length

    def read1(self, size: int | None = -1, /) -> bytes:
        """Reads, or raises what urllib3 does."""
        if (chunk := super().read1(size)) or not self._is_cut:
            return chunk
        raise urllib3.exceptions.ProtocolError("Connection broken", "https://videos.example.com/?signature=secret")
