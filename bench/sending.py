"""Measures the speed of sending a video from S3 to the API's storage, with TLS on both sides.

    .venv/bin/python -m bench.sending [--megabytes 1024]

One server on the loopback interface, in its own process, is both sides, so the sender's CPU is the limit. Lambda gives
a function CPU in proportion to its memory: one vCPU at 1,769 MB.
Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

import argparse
import ipaddress
import multiprocessing
import os
import ssl
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import urllib3
from botocore.response import StreamingBody
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from videojobs.api.client import VideoInferenceApi
from videojobs.jobs.sending import TimedVideo

MEGABYTE = 1_000_000
VCPU_MEGABYTES = 1769
MEMORY_SIZES = (256, 512, 1024, 1769)
_PIECE = os.urandom(MEGABYTE)


class _Storage(BaseHTTPRequestHandler):
    """Answers a GET with as many megabytes as the path says, and accepts any PUT."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        megabytes = int(self.path.strip("/"))
        self.send_response(200)
        self.send_header("Content-Length", str(megabytes * MEGABYTE))
        self.end_headers()
        for _ in range(megabytes):
            self.wfile.write(_PIECE)

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, MEGABYTE)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Logs nothing."""


def serve(certificate: Path, port: Any) -> None:
    """Puts the server's port into the queue `port`, and serves until the process is terminated."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Storage)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    port.put(server.server_port)
    server.serve_forever()


def make_certificate(path: Path) -> None:
    """Writes a self-signed certificate for 127.0.0.1, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "storage")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key_bytes)


def main() -> None:
    """Sends a video, and prints the speed."""
    parser = argparse.ArgumentParser(description="Measures the speed of sending a video to the API.")
    parser.add_argument("--megabytes", type=int, default=1024)
    megabytes: int = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "storage.pem"
        make_certificate(certificate)
        port: multiprocessing.Queue[int] = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(certificate, port), daemon=True)
        server.start()
        storage = f"https://127.0.0.1:{port.get()}"
        os.environ["REQUESTS_CA_BUNDLE"] = str(certificate)
        source = urllib3.PoolManager(ca_certs=str(certificate))
        response: Any = source.request("GET", f"{storage}/{megabytes}", preload_content=False)
        size_bytes = megabytes * MEGABYTE
        video = TimedVideo(StreamingBody(response, size_bytes), lambda: 900)
        api = VideoInferenceApi("https://api.example.com", "key", requests.Session)
        begun, cpu_begun = time.monotonic(), time.process_time()
        api.send_video(f"{storage}/video.mp4", video, size_bytes)
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu_begun
        server.terminate()
    rate = megabytes / cpu_seconds
    print(f"{megabytes / seconds:.0f} MB/s on this machine, {rate:.0f} MB for each second of CPU")  # noqa: T201
    for memory in MEMORY_SIZES:
        print(f"{memory:>5} MB of memory: {rate * min(1, memory / VCPU_MEGABYTES):4.0f} MB/s")  # noqa: T201


if __name__ == "__main__":
    main()
