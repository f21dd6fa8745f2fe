"""A deadline for a whole fetch, whatever it is waiting for."""

import socket
import weakref
from contextlib import suppress
from threading import RLock, Timer
from typing import Any, Self

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from videoengine.errors import JobFailed


class FetchDeadline:
    """Closes the connections of a fetch when its time is up.

    Timeouts of single reads are not enough: a server that sends one byte a minute, of a handshake, a header or the
    body, never triggers them.

    Attributes:
        has_passed: whether the time is up. Then all connections are closed and no new one is made.

    Example:
        with FetchDeadline(600) as deadline:
            deadline.watch(pool)
            answer = pool.urlopen("GET", "/video.mp4")
    """

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._seconds = seconds
        self._sockets = set[socket.socket]()
        # A garbage collection, at any point of the same thread, may forget a socket.
        self._lock = RLock()
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connected in tuple(self._sockets):
                connected.close()
            self._sockets.clear()

    def check(self) -> None:
        """Raises `JobFailed` if the time is up."""
        if self.has_passed:
            raise JobFailed(f"The video could not be fetched within {self._seconds / 60:g} minutes")

    def watch(self, pool: urllib3.HTTPConnectionPool) -> None:
        """Makes the deadline close all connections that the pool opens from now on."""
        kind: type[HTTPConnection] = HTTPSConnection if pool.scheme == "https" else HTTPConnection
        deadline = self

        class WatchedConnection(kind):  # type: ignore[valid-type, misc]
            _forget_socket: "weakref.finalize[..., Any] | None" = None

            def _new_conn(self) -> socket.socket:
                deadline.check()
                connected: socket.socket = super()._new_conn()
                # A connection's former socket is no longer read, and a connection that is gone has none.
                if self._forget_socket:
                    self._forget_socket()
                self._forget_socket = weakref.finalize(self, deadline._forget, deadline._add(connected))
                return connected

        pool.ConnectionCls = WatchedConnection

    def _add(self, connected: socket.socket) -> socket.socket:
        with self._lock:
            # Keep a duplicate, because TLS takes over the original.
            watched = connected.dup()
            self._sockets.add(watched)
            if self.has_passed:
                _shut(connected)
            return watched

    def _forget(self, watched: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(watched)
            watched.close()

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            for connected in tuple(self._sockets):
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # the server may have closed it already
        connected.shutdown(socket.SHUT_RDWR)
