"""Measures merging an hour's results over TLS, by the number of requests at once.

    .venv/bin/python -m bench.merging [--milliseconds 30] [--repeats 3]

A server on the loopback interface, in its own process, answers a GET after some time. Each merge is a new process on
another core, if there is one. `bench.fan_out` has no TLS, and adds the CPU time of connections.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from botocore.httpsession import where

from bench.fetch import ACCOUNT, Storage, serve
from bench.job_steps import BUCKET, make_job, make_offsets, make_part
from bench.sending import make_certificate
from videoengine import clients, merging
from videoengine.byte_ranges import parse_content_range
from videoengine.logs import logger
from videoengine.settings import MergeSettings

SEGMENTS, FRAMES = 528, 18_000
AT_ONCE = (16, 22, 32, 54, 96)
_PART, _OFFSETS = make_part(FRAMES // SEGMENTS), make_offsets(FRAMES)


class _Parts(Storage):
    """Also answers a GET of a range, after `milliseconds`."""

    milliseconds = 0
    disable_nagle_algorithm = True  # a body is sent at once, and not after 40 ms

    def do_GET(self) -> None:  # noqa: N802 - as http.server names it
        """Sends a part of the results, or of the offsets."""
        time.sleep(self.milliseconds / 1000)
        content = _OFFSETS if "/offsets" in self.path else _PART
        found = parse_content_range(f"{self.headers['Range'].replace('=', ' ')}/{10**9}")
        assert found  # noqa: S101 - mypy
        body = content[found[0].start : found[0].stop]
        self.send_response(206)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Range", f"bytes {found[0].start}-{found[0].start + len(body) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def measure(at_once: int, storage: int, authorities: Path, figures: Any) -> None:
    """Merges on one core, and puts wall-clock and CPU seconds into `figures`."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= {
        **ACCOUNT,
        "AWS_ENDPOINT_URL_S3": f"https://127.0.0.1:{storage}",
        "AWS_CA_BUNDLE": str(authorities),
    }
    logger.setLevel("WARNING")
    settings = MergeSettings(0.5, BUCKET)
    with patch.object(merging, "OPENED_AHEAD", at_once), patch.object(clients, "CONNECTIONS", 128):
        begun, cpu_begun = time.monotonic(), time.process_time()
        merging.merge(make_job("job"), range(SEGMENTS), settings)
        figures.put((time.monotonic() - begun, time.process_time() - cpu_begun))


def main() -> None:
    """Merges with each number of requests in turn, and prints a line for each."""
    parser = argparse.ArgumentParser(description="Measures merging an hour's results over TLS.")
    parser.add_argument("--milliseconds", type=int, default=30, help="until the server answers")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ports, figures = context.Queue(), context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        certificate, authorities = Path(folder) / "server.pem", Path(folder) / "authorities.pem"
        make_certificate(certificate)
        # As many authorities as on Lambda.
        authorities.write_bytes(Path(where()).read_bytes() + certificate.read_bytes())
        settings = {"milliseconds": arguments.milliseconds}
        server = context.Process(target=serve, args=(_Parts, settings, certificate, ports), daemon=True)
        server.start()
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(server.pid or 0, cores - {min(cores)} or cores)
        port, seconds = ports.get(), dict[int, list[tuple[float, float]]]()
        for _ in range(arguments.repeats):
            for at_once in AT_ONCE:
                merge = context.Process(target=measure, args=(at_once, port, authorities, figures))
                merge.start()
                seconds.setdefault(at_once, []).append(figures.get(timeout=120))
                merge.join()
        server.terminate()
    for at_once, runs in seconds.items():
        wall, cpu = (median(column) for column in zip(*runs, strict=True))
        sys.stdout.write(f"{at_once} requests at once: {wall:.1f} s, {cpu:.1f} s of CPU\n")


if __name__ == "__main__":
    main()
