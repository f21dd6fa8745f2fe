"""Measures the speed and the memory of delivering results, compared with other ways to read them.

    .venv/bin/python -m bench.delivery [--megabytes 20 200 2000] [--rounds 5] [--folder /tmp] [--ways Parquet ijson]

The benchmark generates results with 100 moving objects a frame. The ways take turns, each in a new process on one core.
All do the same: they copy the file, write the same rows of detections and frames as Parquet, and count each class.
`deliver` is the pipeline's own code with files instead of S3, without and with tracking. `ijson.items` and `json.load`
are what a good client would write: they read the file once, all lists in parallel, and give the rows to PyArrow or
pandas.

Speeds are compared by processor time, because other processes on the machine disturb it least. The elapsed time also
includes writing to the disk.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.tracking_delivery import begin_thing, make_element

OBJECTS_A_FRAME = 100
DISTINCT_FRAMES = 2000
"""They have more rows than one row group, so repeated frames do not make the Parquet files smaller."""

CLASSES = ("person", "car", "dog", "zebra")
MODEL_ID = "m"

JSON_LOAD_MAX_MEGABYTES = 400
"""Above this size, `json.load` is left out: it needs ten times as much memory, and a table in addition."""

_PRELUDE = """
import sys, time as clock
from pathlib import Path
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
def begin():
    global start, processor_start
    start, processor_start = clock.perf_counter(), clock.process_time()
"""

_EPILOGUE = """
seconds, processor_seconds = clock.perf_counter() - start, clock.process_time() - processor_start
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(seconds, processor_seconds, int(line.split()[1]) / 1024, rows)
"""

_OURS = """
from bench.delivery_files import deliver
begin()
rows = deliver(source, folder, sys.argv[3], track=False)
"""

_OURS_TRACKED = _OURS.replace("track=False", "track=True")

_ROWS = """
import shutil
from collections import Counter
COLUMNS = ("class", "class_id", "confidence", "x", "y", "width", "height", "detection_id")
JOB = {"job_id": "fec28362-f7d9-4cc0-a805-5e94495d063d", "upload_key": "videos/belt.mp4", "model_id": "m"}
classes = {}
def make_rows(element, offset, time):
    for prediction in element["predictions"]:
        yield {
            **JOB,
            "frame_offset": offset,
            "time_offset": time,
            **{name: prediction.get(name) for name in COLUMNS},
        }
def make_frame_row(element, offset, time):
    size = element["image"]
    return {
        **JOB,
        "frame_offset": offset,
        "time_offset": time,
        "failed": element is None,
        "predictions": len(element["predictions"]),
        "image_width": size["width"],
        "image_height": size["height"],
        "seconds": element["time"],
    }
def sum_up(element, time):
    for name, count in Counter(prediction["class"] for prediction in element["predictions"]).items():
        entry = classes.setdefault(name, {"count": 0, "frames": 0, "first": time, "peak": 0, "confidence": 0})
        entry["count"] += count
        entry["frames"] += 1
        entry["last"] = time
        entry["peak"] = max(entry["peak"], count)
    for prediction in element["predictions"]:
        classes[prediction["class"]]["confidence"] += prediction["confidence"]
"""

_IJSON = (
    _ROWS
    + """
import ijson, pyarrow as pa, pyarrow.parquet as pq
class Table:
    def __init__(self, path):
        self.path, self.held, self.rows, self.writer = path, [], 0, None
    def add(self, rows):
        self.held += rows
        if len(self.held) >= 100_000:
            self.write()
    def write(self):
        table = pa.Table.from_pylist(self.held)
        self.writer = self.writer or pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self.writer.write_table(table)
        self.rows += len(self.held)
        self.held.clear()
    def close(self):
        self.write()
        self.writer.close()
def read(key):
    with source.open("rb") as file:
        yield from ijson.items(file, f"{key}.item", use_float=True)
begin()
shutil.copyfile(source, folder / "results.json")
detections, frames = Table(folder / "detections.parquet"), Table(folder / "frames.parquet")
for element, offset, time in zip(read("m"), read("frame_offset"), read("time_offset")):
    detections.add(make_rows(element, offset, time))
    frames.add([make_frame_row(element, offset, time)])
    sum_up(element, time)
detections.close()
frames.close()
rows = detections.rows
"""
)

_JSON_LOAD = (
    _ROWS
    + """
import json, pandas as pd
begin()
shutil.copyfile(source, folder / "results.json")
with source.open("rb") as file:
    results = json.load(file)
entries = list(zip(results["m"], results["frame_offset"], results["time_offset"]))
detections = pd.DataFrame([row for entry in entries for row in make_rows(*entry)])
detections.to_parquet(folder / "detections.parquet", compression="zstd")
pd.DataFrame([make_frame_row(*entry) for entry in entries]).to_parquet(folder / "frames.parquet", compression="zstd")
for element, _, time in entries:
    sum_up(element, time)
rows = len(detections)
"""
)

_IJSON_READING = """
import ijson
begin()
rows = 0
with source.open("rb") as file:
    for element in ijson.items(file, "m.item", use_float=True):
        rows += len(element["predictions"])
"""

WAYS = {
    "deliver: Parquet": (_OURS, "parquet"),
    "deliver: all outputs": (_OURS, "parquet,csv,coco,webvtt,report"),
    "deliver: Parquet, tracks": (_OURS_TRACKED, "parquet"),
    "deliver: all outputs, tracks": (_OURS_TRACKED, "parquet,csv,coco,webvtt,report"),
    "ijson.items, PyArrow": (_IJSON, ""),
    "json.load, pandas": (_JSON_LOAD, ""),
    "ijson.items alone": (_IJSON_READING, ""),
}
"""Each way's program and its argument. The first is the yardstick; the last only reads."""


@dataclass(frozen=True)
class Run:
    """The figures of one process. `megabytes` is its peak memory."""

    seconds: float
    processor_seconds: float
    megabytes: float
    rows: int


def write_results(path: Path, megabytes: float) -> None:
    """Writes results of about this size, in the engine's format."""
    chance = random.Random(1)  # noqa: S311  the same in each run
    things = [begin_thing(chance) for _ in range(OBJECTS_A_FRAME)]
    elements = [json.dumps(make_element(things, chance, CLASSES)) for _ in range(DISTINCT_FRAMES)]
    frames = max(1, round(megabytes * 1e6 / (sum(map(len, elements)) / len(elements) + 22)))
    with path.open("w") as file:
        offsets = {
            "frame_offset": [6 * n for n in range(frames)],
            "time_offset": [round(n * 0.2, 4) for n in range(frames)],
        }
        file.write(json.dumps(offsets)[:-1] + f', "{MODEL_ID}": [')
        for number in range(frames):
            file.write((", " if number else "") + elements[number % DISTINCT_FRAMES])
        file.write("]}")


def run_way(name: str, source: Path) -> Run:
    """Runs one way on `source` in a new process on one core."""
    program, argument = WAYS[name]
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command: list[str | Path] = [sys.executable, "-c", _PRELUDE + program + _EPILOGUE, source, folder, argument]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {0})
        )
    seconds, processor_seconds, megabytes, rows = done.stdout.split()
    return Run(float(seconds), float(processor_seconds), float(megabytes), int(rows))


def compose_table(size: int, runs: Mapping[str, Sequence[Run]]) -> Table:
    """A row for each way: medians, and the median of the ratios to the first way's run in the same round.

    Args:
        size: The results file's size in bytes.
    """
    table = Table("way", title=f"{size / 1e6:,.0f} MB", caption="Speed: how many times as fast the first way is.")
    for heading in ("seconds", "processor", "MB/s", "speed", "peak memory, MB", "rows"):
        table.add_column(heading, justify="right")
    yardstick = next(iter(runs.values()))
    for name, own in runs.items():
        seconds = median(run.seconds for run in own)
        processor_seconds = median(run.processor_seconds for run in own)
        speed = median(
            run.processor_seconds / first.processor_seconds for run, first in zip(own, yardstick, strict=True)
        )
        peak = median(run.megabytes for run in own)
        table.add_row(
            name,
            f"{seconds:.2f}",
            f"{processor_seconds:.2f}",
            f"{size / 1e6 / processor_seconds:.0f}",
            f"{speed:.2f}",
            f"{peak:.0f}",
            f"{own[0].rows:,}",
        )
    return table


def main() -> None:
    """Measures all ways, and prints a table for each size."""
    parser = argparse.ArgumentParser(description="Measures how fast results are delivered.")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ways", nargs="+", default=[""], help="parts of the names of the ways to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for megabytes in options.megabytes:
            source = Path(folder) / "results.json"
            write_results(source, megabytes)
            ways = [
                name
                for name in WAYS
                if any(part in name for part in options.ways)
                and (megabytes <= JSON_LOAD_MAX_MEGABYTES or not name.startswith("json.load"))
            ]
            rounds = [[run_way(name, source) for name in ways] for _ in range(options.rounds)]
            runs = dict(zip(ways, zip(*rounds, strict=True), strict=True))
            Console(width=110).print(compose_table(source.stat().st_size, runs))


if __name__ == "__main__":
    main()
