"""An internet without a network: a DNS, and web servers that answer from a list."""

import io
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import urllib3

PUBLIC_ADDRESS = "93.184.215.14"
_REAL_GETADDRINFO = socket.getaddrinfo


@dataclass(frozen=True)
class Connection:
    """A request, and the address that it was really sent to."""

    scheme: str
    address: str
    port: int
    host_header: str
    certificate_for: str | None
    target: str


@dataclass
class Internet:
    """The answers to give, and the requests that arrived.

    Attributes:
        names: Each name's successive lookup results, each a list of addresses; the last result repeats. Other names
            resolve to `PUBLIC_ADDRESS`.
        answers: Responses to return in turn, or exceptions to raise.
        server: Answers requests by their headers, once there are no `answers` left.
        lookups: The names that were looked up, in order.
        connections: The requests, in order.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    server: Callable[[Mapping[str, str]], urllib3.HTTPResponse] | None = None
    lookups: list[str] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def resolve(self, host: str, port: int, *_: Any, **options: Any) -> Any:
        """Stands for `socket.getaddrinfo`."""
        self.lookups.append(host)
        answers = self.names.get(host)
        if answers is None:
            try:
                # Lets the system parse numeric addresses in every form that it accepts.
                return _REAL_GETADDRINFO(host, port, flags=socket.AI_NUMERICHOST, **options)
            except socket.gaierror:
                answers = [["127.0.0.1"] if host == "localhost" else [PUBLIC_ADDRESS]]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is unknown")
        return [(None, None, None, "", (address, port)) for address in addresses]

    def urlopen(self, pool: urllib3.HTTPConnectionPool, method: str, url: str, **options: Any) -> Any:
        """Stands for `urllib3.HTTPConnectionPool.urlopen`."""
        assert not options["redirect"]
        certificate_for = pool.conn_kw.get("server_hostname")
        host_header = options["headers"].get("Host", pool.host)
        assert pool.port
        self.connections.append(Connection(pool.scheme, pool.host, pool.port, host_header, certificate_for, url))
        if self.server and not self.answers:
            return self.server(options["headers"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer_with(content: bytes = b"", status: int = 200, **options: Any) -> urllib3.HTTPResponse:
    """Makes a server's response."""
    return urllib3.HTTPResponse(io.BytesIO(content), status=status, preload_content=False, **options)


def redirect_to(location: str, status: int = 302) -> urllib3.HTTPResponse:
    """Makes a server's redirect."""
    return answer_with(status=status, headers={"Location": location})


@contextmanager
def run_internet() -> Iterator[Internet]:
    """Replaces the real internet until the block ends."""
    internet = Internet()

    def urlopen(pool: urllib3.HTTPConnectionPool, method: str, url: str, **options: Any) -> Any:
        return internet.urlopen(pool, method, url, **options)

    with (
        patch.object(socket, "getaddrinfo", internet.resolve),
        patch.object(urllib3.HTTPConnectionPool, "urlopen", urlopen),
    ):
        yield internet
