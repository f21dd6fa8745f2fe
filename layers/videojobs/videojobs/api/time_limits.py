"""Limits how long an answer may take as a whole.

A socket's timeout only limits the silence before the next bytes. A server that sends a byte now and then, or one
`100 Continue` after another, never triggers it. So each read of the socket is given the time that is left.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection


def limit_body(response: requests.Response, seconds: float) -> None:
    """Gives the body of a response from a `TimedAdapter` this much time in all; then reading it times out."""
    answer = response.raw._original_response  # requests reads cookies from it, too
    if isinstance(answer, _TimedAnswer):
        answer.limit(seconds)


class TimedAdapter(HTTPAdapter):
    """Sends requests whose read timeout also limits the whole head of the answer."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _TimedSocket(io.RawIOBase):
    """Reads a socket until `ends_at`, in the seconds of `time.monotonic`; without a limit if it is None."""

    ends_at: float | None = None

    def __init__(self, stream: io.RawIOBase, connected: socket.socket) -> None:
        self._stream = stream
        self._socket = connected
        timeout = connected.gettimeout()
        if timeout is None:
            raise ValueError("a request needs a timeout")
        self.silence_seconds = timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        seconds = self.silence_seconds
        if self.ends_at is not None:
            seconds = min(seconds, self.ends_at - time.monotonic())
            if seconds <= 0:
                raise TimeoutError("the time for the whole answer is over")
        self._socket.settimeout(seconds)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _TimedAnswer(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._timed = _TimedSocket(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        """Reads the head."""
        self.limit(self._timed.silence_seconds)
        super().begin()
        self._timed.ends_at = None

    def limit(self, seconds: float) -> None:
        self._timed.ends_at = time.monotonic() + seconds


class _Connection(HTTPConnection):
    response_class = _TimedAnswer


class _TlsConnection(HTTPSConnection):
    response_class = _TimedAnswer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}
