"""Measures the engine's speed, compared with other ways to run a detector on a video, and with the machine's limit.

    make bench                                                # or: .venv/bin/python -m bench.engine [--repeats 5]

Each contender loads a model of YOLO11n's size into its own process. The weights are random, because only time is
measured. Then the contenders take turns, each with the whole video, and their medians are compared. The limit is the
CPU time of decoding alone plus that of the model alone, divided by the number of cores.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.moving_pictures import write_video
from videoinfer.onnx_packages import compose_package, link_package
from videoinfer.repository import ROOT

INFER_FPS = 5
SIDE = 640
PEERS = ("opencv", "opencv-grab", "supervision", "ultralytics", "inference-models")
ENGINES = {"engine": "model", "engine-hardware": "model-hardware"}
"""Each engine, with the contender that runs only its model."""
VIDEOS = {
    f"{height}p{rate} GOP {gop_size}": (width, height, rate, gop_size)
    for width, height, rate in ((1920, 1080, 30), (1280, 720, 25))
    for gop_size in (250, 60)
}


@dataclass(frozen=True)
class Measurement:
    """One run of a contender on one video."""

    frames: int
    seconds: float
    cpu_seconds: float

    @property
    def milliseconds(self) -> float:
        """Elapsed time for each sampled frame."""
        return 1000 * self.seconds / self.frames

    @property
    def cpu_milliseconds(self) -> float:
        """CPU time for each sampled frame, of all cores together."""
        return 1000 * self.cpu_seconds / self.frames


class Contender:
    """A process that runs a model on videos."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name, self._process = name, process

    def run(self, video: Path) -> Measurement:
        return Measurement(**json.loads(self._ask(f"{video}\n")))

    def wait_until_ready(self) -> None:
        self._ask("")

    def _ask(self, question: str) -> str:
        assert self._process.stdin  # noqa: S101 - mypy
        assert self._process.stdout  # noqa: S101
        self._process.stdin.write(question)
        self._process.stdin.flush()
        if answer := self._process.stdout.readline():
            return answer
        sys.exit(f"{self._name} ended early.")


@contextmanager
def start_contender(python: Path, name: str, package: Path) -> Iterator[Contender]:
    """Starts a contender, waits until its model is loaded, and stops it at the end of the block."""
    command = [str(python), str(ROOT / "bench/engine_contenders.py"), name, str(package), str(INFER_FPS)]
    # Peers must not look for updates, or write their settings elsewhere.
    environment = {**os.environ, "YOLO_OFFLINE": "1", "YOLO_CONFIG_DIR": str(package.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        contender = Contender(name, process)
        contender.wait_until_ready()
        yield contender


def make_package(folder: Path, peers_python: Path, model: str = "yolo11n") -> Path:
    """Creates a model package with the YOLO11 that `ultralytics` exports, unless it exists."""
    package, exported = folder / model / "1", folder / f"{model}.onnx"
    if not package.exists():
        export = f"import ultralytics; ultralytics.YOLO('{model}.yaml').export(format='onnx', imgsz={SIDE})"
        subprocess.run([peers_python, "-c", export], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        link_package(exported, package, compose_package(exported))
    return package


def measure(
    contenders: Mapping[str, Contender], video: Path, repeats: int, console: Console
) -> dict[str, list[Measurement]]:
    """Runs all contenders in turn, `repeats` times after a first turn that warms them up."""
    measured: dict[str, list[Measurement]] = {name: [] for name in contenders}
    for turn in range(-1, repeats):
        for name, contender in contenders.items():
            with console.status(f"{video.stem}: {name}, turn {turn + 1} of {repeats}"):
                measurement = contender.run(video)
            if turn >= 0:
                measured[name].append(measurement)
    return measured


def make_table(title: str, measured: Mapping[str, Sequence[Measurement]], cores: int) -> Table:
    """A row for each contender: its times, its speed relative to the best peer, and for engines to their limit."""
    wall = {name: median(run.milliseconds for run in runs) for name, runs in measured.items()}
    cpu = {name: median(run.cpu_milliseconds for run in runs) for name, runs in measured.items()}
    best = min(wall[name] for name in PEERS)
    table = Table("", "ms per sampled frame", "CPU ms", "x best peer", "of its limit", title=title)
    for name in (*PEERS, *ENGINES):
        limit = (cpu["decoding"] + cpu[ENGINES[name]]) / cores if name in ENGINES else None
        share = f"{limit / wall[name]:.2f}" if limit else ""
        table.add_row(name, f"{wall[name]:.1f}", f"{cpu[name]:.1f}", f"{best / wall[name]:.2f}", share)
    for name in ("decoding", *ENGINES.values()):
        table.add_row(f"{name} alone", f"{wall[name]:.1f}", f"{cpu[name]:.1f}", "", "")
    return table


def main() -> None:
    """Creates the model and the videos, measures, and prints a table for each video."""
    parser = argparse.ArgumentParser(description="Measures the engine's speed, compared with its peers.")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers/bin/python", help="the peers' Python")
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/bench", help="the folder for videos and model")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20, help="length of the videos")
    arguments = parser.parse_args()
    console = Console()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    package = make_package(arguments.folder, arguments.peers)
    with ExitStack() as stack:
        contenders = {}
        for name in (*PEERS, *ENGINES, "decoding", *ENGINES.values()):
            python = arguments.peers if name in PEERS else Path(sys.executable)
            with console.status(f"Loading {name}"):
                contenders[name] = stack.enter_context(start_contender(python, name, package))
        for title, form in VIDEOS.items():
            video = arguments.folder / f"{title.replace(' ', '-')}-{arguments.seconds}s.mp4"
            if not video.exists():
                with console.status(f"Making {video.name}"):
                    write_video(video, *form, arguments.seconds)
            measured = measure(contenders, video, arguments.repeats, console)
            console.print(make_table(title, measured, os.process_cpu_count() or 1))


if __name__ == "__main__":
    main()
