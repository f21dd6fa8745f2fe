"""An end to a fetch, whatever it is waiting for."""

import socket
from contextlib import suppress
from threading import Lock, Timer
from typing import Self

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from videoengine.errors import JobFailed


class FetchDeadline:
    """Shuts a fetch's connections when its time is over.

    Time-outs of single reads are not enough: a server that sends a byte a minute, of a handshake, a header or the body,
    never runs into one.

    Attributes:
        has_passed: from then on every connection has ended, and no new one is made.
    """

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._seconds = seconds
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def check(self) -> None:
        """Raises:
        JobFailed: the time is over.
        """
        if self.has_passed:
            raise JobFailed(f"The video could not be fetched within {self._seconds / 60:g} minutes")

    def watch(self, pool: urllib3.HTTPConnectionPool) -> None:
        """Ends the connections that the pool makes from here on."""
        kind: type[HTTPConnection] = HTTPSConnection if pool.scheme == "https" else HTTPConnection
        deadline = self

        class WatchedConnection(kind):  # type: ignore[valid-type, misc]
            def _new_conn(self) -> socket.socket:
                deadline.check()
                connected: socket.socket = super()._new_conn()
                deadline._add(connected)
                return connected

        pool.ConnectionCls = WatchedConnection

    def _add(self, connected: socket.socket) -> None:
        with self._lock:
            # A duplicate, because TLS takes the original over.
            self._sockets.append(connected.dup())
            if self.has_passed:
                _shut(connected)

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            for connected in self._sockets:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been first
        connected.shutdown(socket.SHUT_RDWR)
