"""Measures the engine's memory for a long video, compared with a short one.

    .venv/bin/python -m bench.memory [--hours 2]

The short video has one minute, and the long one repeats it. `videoinfer infer` runs the sample model on both.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import av

from bench.moving_pictures import write_video
from videoinfer.repository import SAMPLE_MODEL

WIDTH, HEIGHT, RATE, GOP_SIZE, SECONDS = 640, 360, 30, 60, 60
INFER_FPS = 5

# VmHWM is the measured process's own peak. getrusage would also count the process that started it.
_PROGRAM = """
import resource, sys
from videoinfer.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr)
"""


def repeat_video(source: Path, target: Path, times: int) -> None:
    """Writes a video's packets `times` times, one after the other."""
    with av.open(target, "w") as container:
        with av.open(source) as original:
            stream = container.add_stream_from_template(original.streams.video[0])
        for turn in range(times):
            with av.open(source) as original:
                for packet in original.demux(video=0):
                    if packet.pts is not None and packet.dts is not None:
                        shift = round(turn * SECONDS / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        container.mux(packet)


def measure_peak_megabytes(video: Path, folder: Path) -> float:
    """The peak resident memory of a process that infers the video, in MiB."""
    arguments = ["infer", video, "--model", SAMPLE_MODEL, "--infer-fps", INFER_FPS, "--output", folder / "results.json"]
    command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
    outcome = subprocess.run(command, check=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    return int(outcome.stderr.split()[-1]) / 1024


def main() -> None:
    """Measures both videos, and prints a line for each."""
    parser = argparse.ArgumentParser(description="Measures the engine's memory for a long video.")
    parser.add_argument("--hours", type=float, default=2)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = folder / "short.mp4", folder / "long.mp4"
        write_video(short, WIDTH, HEIGHT, RATE, GOP_SIZE, SECONDS)
        repeat_video(short, long, round(hours * 3600 / SECONDS))
        peaks = [measure_peak_megabytes(video, folder) for video in (short, long)]
    for label, peak in zip(("1 minute", f"{hours:g} hours"), peaks, strict=True):
        print(f"{label:>9}: {peak:6.1f} MB, {peak / peaks[0]:.2f} x")  # noqa: T201


if __name__ == "__main__":
    main()
