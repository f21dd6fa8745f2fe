"""Measures the speed and the memory of drawing an annotated video.

    .venv/bin/python -m bench.annotation

The input is the sample video, enlarged to 1920 by 1080, with 20 boxes on each of five sampled frames a second. It is
encoded in turn as a short video is and as a long one is, each time in a new process. Then a video four times as long is
encoded once.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
from rich.console import Console
from rich.table import Table

from videoinfer.repository import SAMPLE_VIDEO
from videojobs.drawing import video as annotated_video
from videojobs.results.samples import Sample

ROUNDS = 5
WIDTH, HEIGHT, RATE, FRAMES = 1920, 1080, 30, 300
LONGER = 4
BOXES, SAMPLED_EVERY = 20, 6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.mp4", Path(folder) / "long.mp4"
        enlarge(SAMPLE_VIDEO, short, times=1)
        enlarge(SAMPLE_VIDEO, long, times=LONGER)
        runs: dict[str, list[list[float]]] = {}
        for _ in range(ROUNDS):
            for name, video, limit in (("as a short video", short, 10**12), ("as a long video", short, 0)):
                runs.setdefault(name, []).append(measure(video, limit))
        runs[f"as a long video, {LONGER} times as long"] = [measure(long, 0)]
    table = Table("1920 x 1080, 20 boxes", "frames/s", "peak MiB", "MB")
    for name, figures in runs.items():
        rate, peak, size = (median(column) for column in zip(*figures, strict=True))
        table.add_row(name, f"{rate:.0f}", f"{peak / 1024:.0f}", f"{size / 1e6:.1f}")
    Console().print(table)


def enlarge(source: Path, target: Path, times: int) -> None:
    """Writes the video in full HD, repeated `times` times."""
    with av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        number = 0
        for _ in range(times):
            with av.open(str(source)) as video:
                for frame in video.decode(video=0):
                    larger = frame.reformat(WIDTH, HEIGHT)
                    larger.pts, larger.time_base, number = number, Fraction(1, RATE), number + 1
                    output.mux(stream.encode(larger))
        output.mux(stream.encode())


def measure(video: Path, limit: int) -> list[float]:
    """Runs once in a new process. Returns frames a second, peak memory in KiB, and the output's size in bytes."""
    command = [sys.executable, "-m", "bench.annotation", str(video), str(limit)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(word) for word in answer.stdout.split()]


def run(video: Path, limit: int) -> None:
    """Draws the video once, and prints the figures that `measure` reads."""
    annotated_video.VERYFAST_MAX_PIXELS = limit
    output = video.with_name("annotated.mp4")
    start = time.perf_counter()
    frames = annotated_video.draw_video(video, make_samples(), output, watch=lambda _: None).frames
    seconds = time.perf_counter() - start
    [peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    print(frames / seconds, peak, output.stat().st_size)  # noqa: T201


def make_samples() -> Iterator[Sample]:
    for number in range(0, LONGER * FRAMES, SAMPLED_EVERY):
        boxes: list[dict[str, Any]] = [
            {
                "x": 100 + 80 * box,
                "y": 300 + number % 200,
                "width": 80,
                "height": 60,
                "confidence": 0.8,
                "class": f"{box}",
            }
            for box in range(BOXES)
        ]
        element = {"image": {"width": WIDTH, "height": HEIGHT}, "predictions": boxes}
        yield Sample.normalize(number, number / RATE, {"parts": element})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
