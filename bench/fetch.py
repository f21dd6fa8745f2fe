"""Measures fetching a video: CPU time, memory and speed.

    .venv/bin/python -m bench.fetch [--megabytes 1400] [--stream-megabytes 50]

The video's server limits each connection, as S3 does, and S3 is a stand-in that drops what it gets. Both are in
processes of their own, and use TLS as on AWS. The speed is that of this machine, which also runs the servers. The CPU
time and the peak memory are those of the fetching process alone.
"""

import argparse
import multiprocessing
import os
import re
import ssl
import tempfile
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.sending import MEGABYTE, VCPU_MEGABYTES, make_certificate
from videoengine import clients
from videoengine.destinations import parse_ranges
from videoengine.video_fetch import fetch_video

BLOCK_BYTES = 2**18
MEMORY_SIZES = (512, 1024, 1769)
ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class _Videos(BaseHTTPRequestHandler):
    """Sends zeros, at a limited speed for each connection. `serve` sets the attributes."""

    protocol_version = "HTTP/1.1"
    total = stream_bytes = 0
    has_ranges = True

    def do_GET(self) -> None:
        """Answers with a range or the whole file."""
        wanted = re.fullmatch("bytes=([0-9]+)-([0-9]+)", self.headers.get("Range", "")) if self.has_ranges else None
        first, last = (int(wanted[1]), min(int(wanted[2]), self.total - 1)) if wanted else (0, self.total - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{self.total}")
        self.send_header("ETag", '"1"')
        left = last - first + 1
        self.send_header("Content-Length", str(left))
        self.end_headers()
        block, begun, sent = bytes(BLOCK_BYTES), time.monotonic(), 0
        while left:
            size = min(left, BLOCK_BYTES)
            self.wfile.write(block[:size])
            left, sent = left - size, sent + size
            time.sleep(max(0, begun + sent / self.stream_bytes - time.monotonic()))

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


class Storage(BaseHTTPRequestHandler):
    """Takes uploads, and drops them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Starts or completes a multipart upload."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, content = ("Initiate", "<UploadId>1</UploadId>") if "uploads" in self.path else ("Complete", "")
        self._answer(f"<{kind}MultipartUploadResult>{content}</{kind}MultipartUploadResult>".encode())

    def do_PUT(self) -> None:
        """Reads a part or an object."""
        left = int(self.headers.get("Content-Length", 0))
        while left:
            left -= len(self.rfile.read(min(left, BLOCK_BYTES)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


def serve(handler: type[BaseHTTPRequestHandler], settings: Mapping[str, Any], certificate: Path, port: Any) -> None:
    """Puts the server's port into the queue `port`, and serves until the process is terminated."""
    for name, value in settings.items():
        setattr(handler, name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # Each connection's own thread makes its handshake.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    port.put(server.server_port)
    server.serve_forever()


def measure(videos: int, storage: int, certificate: Path, figures: Any) -> None:
    """Fetches from the port `videos`, and puts wall-clock seconds, CPU seconds and peak MiB into `figures`."""
    os.environ |= {
        **ACCOUNT,
        "AWS_ENDPOINT_URL_S3": f"https://127.0.0.1:{storage}",
        "AWS_CA_BUNDLE": str(certificate),
        "SSL_CERT_FILE": str(certificate),
    }
    s3, allowed = clients.s3(), parse_ranges("127.0.0.1/32")
    begun, cpu_begun = time.monotonic(), time.process_time()
    fetch_video(s3, f"https://127.0.0.1:{videos}/video.mp4", "bucket", "video", 2**40, allowed)
    seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
    # VmHWM is the process's own peak. getrusage would also count the process that started it.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    figures.put((seconds, cpu_seconds, int(peak.split()[1]) / 1024))


def run(certificate: Path, settings: dict[str, int]) -> tuple[float, float, float]:
    """Fetches one video in a new process. Returns wall-clock seconds, CPU seconds and peak MiB."""
    context = multiprocessing.get_context("spawn")
    ports, figures = context.Queue(), context.Queue()
    servers, found = [], []
    for handler in (_Videos, Storage):
        servers.append(context.Process(target=serve, args=(handler, settings, certificate, ports), daemon=True))
        servers[-1].start()
        found.append(ports.get())
    fetching = context.Process(target=measure, args=(*found, certificate, figures))
    fetching.start()
    outcome: tuple[float, float, float] = figures.get(timeout=600)
    fetching.join()
    for server in servers:
        server.terminate()
    return outcome


def main() -> None:
    """Fetches as one stream and in parts, and prints a line for each."""
    parser = argparse.ArgumentParser(description="Measures fetching a video.")
    parser.add_argument("--megabytes", type=int, default=1400)
    parser.add_argument("--stream-megabytes", type=int, default=50, help="limit of each connection, a second")
    arguments = parser.parse_args()
    limits = {"total": arguments.megabytes * MEGABYTE, "stream_bytes": arguments.stream_megabytes * MEGABYTE}
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "server.pem"
        make_certificate(certificate)
        for name, has_ranges in {"one stream": False, "in parts": True}.items():
            seconds, cpu_seconds, peak = run(certificate, {**limits, "has_ranges": has_ranges})
            rate = arguments.megabytes / cpu_seconds
            by_memory = ", ".join(
                f"{rate * min(1, size / VCPU_MEGABYTES):.0f} MB/s at {size} MB" for size in MEMORY_SIZES
            )
            print(  # noqa: T201
                f"{name}: {seconds:.1f} s, {arguments.megabytes / seconds:.0f} MB/s here; "
                f"{1000 / rate:.2f} s of CPU for each GB, so at most {by_memory}; peak {peak:.0f} MiB"
            )


if __name__ == "__main__":
    main()
