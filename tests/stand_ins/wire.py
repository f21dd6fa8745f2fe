"""A wire without a network: a `requests` adapter that answers from a list and keeps the requests."""

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter


class Wire(BaseAdapter):
    """Returns `answers` in turn: each is `(status code, body)` or `(status code, body, headers)`, or an exception to
    raise.
    """

    def __init__(self, *answers: tuple[int, Any] | tuple[int, Any, Mapping[str, str]] | BaseException) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[requests.PreparedRequest] = []
        self.bodies: list[bytes] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        body: Any = request.body
        self.bodies.append(body if isinstance(body, bytes) else b"".join(body or ()))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        status_code, content, *rest = answer
        headers = rest[0] if rest else {}
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        response = _Response()
        response.status_code = status_code
        response.headers.update(headers)
        response.url = cast(str, request.url)
        response.request = request
        response.size_bytes = len(raw)
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(raw), status=status_code, headers=headers, preload_content=False, enforce_content_length=True
        )
        return response

    def close(self) -> None:
        """Does nothing: no connection is open."""

    def session(self) -> requests.Session:
        """Makes a session whose requests all go through this wire."""
        session = requests.Session()
        session.mount("http://", self)
        session.mount("https://", self)
        return session

    def describe(self, index: int = -1) -> dict[str, Any]:
        """Describes a request in the form of the contract's examples."""
        request = self.requests[index]
        url = urlsplit(cast(str, request.url))
        body = self.bodies[index]
        return {
            "method": request.method,
            "path": url.path,
            "query": dict(parse_qsl(url.query)),
            "body": json.loads(body) if body else None,
        }


class _Response(requests.Response):
    """Warns, as its socket would, if nobody read it to the end or closed it."""

    size_bytes = 0
    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()

    def __del__(self) -> None:
        if not self.is_closed and self.raw.tell() < self.size_bytes:
            warnings.warn(f"an answer of {self.size_bytes} bytes was left open", ResourceWarning, stacklevel=1)
