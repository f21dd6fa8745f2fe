"""S3 and Lambda on the loopback interface, over TLS and with a delay, for measuring steps of a job.

They are in a process of their own. Each step is a new process on another core, if there is one.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import SpawnContext
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.httpsession import where

from bench.fetch import ACCOUNT, Storage, serve
from bench.sending import make_certificate
from videoengine.byte_ranges import parse_content_range
from videoengine.logs import logger

BYTES_PER_SECOND = 80e6
"""The rate at which a function receives. AWS documents none."""


class _Aws(Storage):
    """Objects are the files of a folder, in which buckets are folders. Takes every call of a function."""

    disable_nagle_algorithm = True  # a body is sent at once, and not after 40 ms
    folder = ""
    milliseconds = 0
    lock, free_at = Lock(), 0.0  # when the network has sent what it was given

    def do_GET(self) -> None:  # noqa: N802 - as http.server names it
        """Sends a range of an object."""
        time.sleep(self.milliseconds / 1000)
        path = Path(self.folder, unquote(urlsplit(self.path).path).lstrip("/"))
        total = path.stat().st_size
        found = parse_content_range(f"{self.headers['Range'].replace('=', ' ')}/{10**15}")
        assert found  # noqa: S101 - mypy
        with path.open("rb") as file:
            file.seek(found[0].start)
            body = file.read(min(found[0].stop, total) - found[0].start)
        self.send_response(206)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Range", f"bytes {found[0].start}-{found[0].start + len(body) - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._wait_for_network(len(body))
        self.wfile.write(body)

    def do_PUT(self) -> None:  # noqa: N802
        """Drops an object or a part."""
        time.sleep(self.milliseconds / 1000)
        super().do_PUT()

    def do_POST(self) -> None:  # noqa: N802
        """Takes a call of a function, or starts or completes a multipart upload."""
        time.sleep(self.milliseconds / 1000)
        if not self.path.endswith("/invocations"):
            super().do_POST()
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @classmethod
    def _wait_for_network(cls, size: int) -> None:
        with cls.lock:
            cls.free_at = max(cls.free_at, time.monotonic()) + size / BYTES_PER_SECOND
            wait = cls.free_at - time.monotonic()
        time.sleep(max(wait, 0.0))


@dataclass(frozen=True)
class Spent:
    """How long a step took on one core.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of these, how long it computed.
    """

    seconds: float
    cpu_seconds: float

    def estimate(self, cpu_share: float) -> float:
        """The seconds with a share of a CPU."""
        return self.seconds + self.cpu_seconds * (1 / cpu_share - 1)


@dataclass(frozen=True)
class LoopbackAws:
    """The server, and how to run steps against it.

    Attributes:
        folder: Of the objects: a bucket's are in a folder with its name.
    """

    folder: Path
    _port: int
    _authorities: Path
    _context: SpawnContext

    def run(self, step: Callable[..., Callable[[], object]], *arguments: Any) -> Spent:
        """Measures what a function of a module returns, in a new process on one core."""
        here, there = self._context.Pipe(duplex=False)
        run = partial(_run, self._port, self._authorities, there, step, *arguments)
        process = self._context.Process(target=run, daemon=True)
        process.start()
        there.close()
        spent: Spent = here.recv()  # raises EOFError if the process fails
        process.join()
        return spent


def _run(port: int, authorities: Path, there: Any, step: Callable[..., Callable[[], object]], *arguments: Any) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= {
        **ACCOUNT,
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        "AWS_CA_BUNDLE": str(authorities),
    }
    logger.setLevel("WARNING")
    act = step(*arguments)
    begun, cpu_begun = time.monotonic(), time.process_time()
    act()
    there.send(Spent(time.monotonic() - begun, time.process_time() - cpu_begun))


@contextmanager
def run_loopback_aws(milliseconds: int) -> Iterator[LoopbackAws]:
    """Runs the server until the block ends. It answers after `milliseconds`."""
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    with tempfile.TemporaryDirectory() as name:
        folder, certificate, authorities = Path(name), Path(name, "server.pem"), Path(name, "authorities.pem")
        make_certificate(certificate)
        # As many authorities as on Lambda.
        authorities.write_bytes(Path(where()).read_bytes() + certificate.read_bytes())
        settings = {"folder": name, "milliseconds": milliseconds}
        server = context.Process(target=serve, args=(_Aws, settings, certificate, ports), daemon=True)
        server.start()
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(server.pid or 0, cores - {min(cores)} or cores)
        try:
            yield LoopbackAws(folder, ports.get(timeout=30), authorities, context)
        finally:
            server.terminate()
            server.join()
