"""Measures how much time and memory tracking adds to a delivery, by the number of objects per frame.

    .venv/bin/python -m bench.tracking_delivery [--megabytes 20 200] [--objects 1 10 100] [--rounds 3] [--folder /tmp]

The objects move from frame to frame; a few of them are missed, and a few boxes are false detections. Each delivery of
all outputs runs in its own process on one core, alternately without and with tracking.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

_PROGRAM = """
import sys, time
from pathlib import Path
from bench.delivery_files import deliver
start = time.process_time()
rows = deliver(Path(sys.argv[1]), Path(sys.argv[2]), "parquet,csv,coco,webvtt,report", track=sys.argv[3] == "True")
seconds = time.process_time() - start
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(seconds, int(line.split()[1]) / 1024, rows)
"""

_SECONDS = 0.2
_FRAME_BYTES, _OBJECT_BYTES = 110, 195
_MISSED, _MISTAKES = 0.05, 0.05
"""Shares of a frame's objects."""


def write_results(path: Path, megabytes: float, objects: int) -> None:
    """Writes results of about this size with so many objects per frame, at 5 frames per second."""
    chance = random.Random(objects)  # noqa: S311  reproducible
    things = [_begin_thing(chance) for _ in range(objects)]
    frames = max(1, round(megabytes * 1e6 / (_FRAME_BYTES + _OBJECT_BYTES * objects)))
    offsets = {
        "frame_offset": [6 * number for number in range(frames)],
        "time_offset": [round(_SECONDS * number, 4) for number in range(frames)],
    }
    with path.open("w") as file:
        file.write(json.dumps(offsets)[:-1] + ', "m": [')
        for number in range(frames):
            file.write((", " if number else "") + json.dumps(_make_element(things, chance)))
        file.write("]}")


def _begin_thing(chance: random.Random) -> dict[str, float]:
    size = chance.uniform(30, 120)
    return {
        "x": chance.uniform(0, 1920),
        "y": chance.uniform(0, 1080),
        "width": size,
        "height": size * chance.uniform(1, 2),
        "dx": chance.gauss(0, size),
        "dy": chance.gauss(0, size / 2),
    }


def _make_element(things: list[dict[str, float]], chance: random.Random) -> dict[str, Any]:
    found = []
    for number, thing in enumerate(things):
        thing["x"] += thing["dx"] * _SECONDS
        thing["y"] += thing["dy"] * _SECONDS
        if not (0 < thing["x"] < 1920 and 0 < thing["y"] < 1080):
            things[number] = thing = _begin_thing(chance)
        if chance.random() > _MISSED:
            found.append(thing)
        if chance.random() < _MISTAKES:
            found.append(_begin_thing(chance))
    predictions = [
        {
            **{name: round(thing[name] + chance.gauss(0, 1), 1) for name in ("x", "y", "width", "height")},
            "confidence": round(chance.uniform(0.4, 1), 4),
            "class": "person",
            "class_id": 0,
            "detection_id": str(uuid.UUID(int=chance.getrandbits(128))),
        }
        for thing in found
    ]
    return {"time": 0.05, "image": {"width": 1920, "height": 1080}, "predictions": predictions}


def deliver(source: Path, *, track: bool) -> tuple[float, float, int]:
    """Returns the processor seconds, peak memory in megabytes, and predictions of a delivery in its own process."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, source, folder, str(track)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {0}),
        )
    seconds, megabytes, rows = done.stdout.split()
    return float(seconds), float(megabytes), int(rows)


def main() -> None:
    """Measures, and prints one line per size and number of objects."""
    parser = argparse.ArgumentParser(description="Measures what tracking adds to a delivery.")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20, 200])
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    say = Console(width=120, highlight=False).print
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        source = Path(folder) / "results.json"
        for megabytes in arguments.megabytes:
            for objects in arguments.objects:
                write_results(source, megabytes, objects)
                rounds = [[deliver(source, track=track) for track in (False, True)] for _ in range(arguments.rounds)]
                without, tracked = (
                    [median(figures) for figures in zip(*way, strict=True)] for way in zip(*rounds, strict=True)
                )
                ratio = median(one[1][0] / one[0][0] for one in rounds)
                say(
                    f"{megabytes:5.0f} MB, {objects:3} a frame, {without[2]:9,.0f} predictions: "
                    f"{without[0]:6.2f} s, {without[1]:4.0f} MB of memory; with tracks "
                    f"{tracked[0]:6.2f} s, {tracked[1]:4.0f} MB: {ratio:.2f} times the time"
                )


if __name__ == "__main__":
    main()
