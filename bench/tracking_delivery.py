"""Deliveries with and without tracking and regions, for `bench.tracking --delivery`.

The objects move from frame to frame; a few of them are missed, and a few boxes are false detections. Each delivery of
all outputs runs in its own process on one core, the ways alternately: without tracking, with tracking and two regions,
and the same with supervision's ByteTrack instead of the tracker.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console

WAYS = ("without", "with", "supervision")

_PROGRAM = """
import sys, time
from pathlib import Path
source, folder, way, packages = sys.argv[1:]
if way == "supervision":
    sys.path.append(packages)
    import bench.tracking_supervision
from bench.delivery_files import deliver
from bench.tracking_delivery import REGIONS
from videojobs.jobs.regions import parse_regions
start = time.process_time()
regions = () if way == "without" else parse_regions(REGIONS)
rows = deliver(Path(source), Path(folder), "parquet,csv,coco,webvtt,report", track=way != "without", regions=regions)
seconds = time.process_time() - start
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
events = sum(map(lambda path: sum(1 for _ in path.open()) - 1, Path(folder).glob("*events.csv")))
print(seconds, int(line.split()[1]) / 1024, rows, events)
"""

REGIONS = [
    {"name": "dock", "polygon": [[0.1, 0.5], [0.6, 0.5], [0.6, 1], [0.1, 1]]},
    {"name": "door", "line": [[0.2, 0.4], [0.8, 0.4]]},
]

_SECONDS = 0.2
_FRAME_BYTES, _OBJECT_BYTES = 110, 195
_MISSED, _MISTAKES = 0.05, 0.05
"""Shares of a frame's objects."""


def write_results(path: Path, megabytes: float, objects: int) -> None:
    """Writes results of about this size with so many objects per frame, at 5 frames per second."""
    chance = random.Random(objects)  # noqa: S311  reproducible
    things = [begin_thing(chance) for _ in range(objects)]
    frames = max(1, round(megabytes * 1e6 / (_FRAME_BYTES + _OBJECT_BYTES * objects)))
    offsets = {
        "frame_offset": [6 * number for number in range(frames)],
        "time_offset": [round(_SECONDS * number, 4) for number in range(frames)],
    }
    with path.open("w") as file:
        file.write(json.dumps(offsets)[:-1] + ', "m": [')
        for number in range(frames):
            file.write((", " if number else "") + json.dumps(make_element(things, chance)))
        file.write("]}")


def begin_thing(chance: random.Random) -> dict[str, float]:
    """Returns an object at a random place, with a random speed."""
    size = chance.uniform(30, 120)
    return {
        "x": chance.uniform(0, 1920),
        "y": chance.uniform(0, 1080),
        "width": size,
        "height": size * chance.uniform(1, 2),
        "dx": chance.gauss(0, size),
        "dy": chance.gauss(0, size / 2),
    }


def make_element(
    things: list[dict[str, float]], chance: random.Random, classes: Sequence[str] = ("person",)
) -> dict[str, Any]:
    """Moves the objects to the next frame, and returns its element."""
    found = []
    for number, thing in enumerate(things):
        thing["x"] += thing["dx"] * _SECONDS
        thing["y"] += thing["dy"] * _SECONDS
        if not (0 < thing["x"] < 1920 and 0 < thing["y"] < 1080):
            things[number] = thing = begin_thing(chance)
        if chance.random() > _MISSED:
            found.append(thing)
        if chance.random() < _MISTAKES:
            found.append(begin_thing(chance))
    predictions = [
        {
            **{name: round(thing[name] + chance.gauss(0, 1), 1) for name in ("x", "y", "width", "height")},
            "confidence": round(chance.uniform(0.4, 1), 4),
            "class": classes[kind := int(thing["width"]) % len(classes)],
            "class_id": kind,
            "detection_id": str(uuid.UUID(int=chance.getrandbits(128))),
        }
        for thing in found
    ]
    return {"time": 0.05, "image": {"width": 1920, "height": 1080}, "predictions": predictions}


class Delivered(NamedTuple):
    """The processor seconds, peak memory in megabytes, predictions and events of a delivery."""

    seconds: float
    megabytes: float
    predictions: int
    events: int


def deliver_in_process(source: Path, way: str, packages: Path) -> Delivered:
    """Delivers the results in a process of their own.

    Args:
        packages: Where supervision is installed.
    """
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, source, folder, way, packages],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
        )
    seconds, megabytes, predictions, events = done.stdout.split()
    return Delivered(float(seconds), float(megabytes), int(predictions), int(events))


def measure_deliveries(
    sizes: Sequence[float], objects: Sequence[int], rounds: int, *, packages: Path, ways: Sequence[str] = WAYS
) -> None:
    """Measures, and prints one line per size, number of objects and way.

    Args:
        sizes: Megabytes of results.
        objects: Numbers of objects per frame.
    """
    say = Console(width=140, highlight=False).print
    for megabytes in sizes:
        for count in objects:
            with tempfile.TemporaryDirectory() as folder:
                source = Path(folder) / "results.json"
                write_results(source, megabytes, count)
                found = [[deliver_in_process(source, way, packages) for way in ways] for _ in range(rounds)]
            for number, way in enumerate(ways):
                one = [of_round[number] for of_round in found]
                ratios = sorted(of_round[number].seconds / of_round[0].seconds for of_round in found)
                say(
                    f"{megabytes:5.0f} MB, {count:3} a frame, {one[0].predictions:10,} predictions, "
                    f"{one[0].events:7,} events, {way:11}: {median(of.seconds for of in one):7.2f} s "
                    f"({median(ratios):.2f} times, {ratios[0]:.2f} to {ratios[-1]:.2f}), "
                    f"{median(of.megabytes for of in one):4.0f} MB of memory"
                )
