"""How fast results are delivered, and in how much memory, beside other ways to read them.

    .venv/bin/python -m bench.delivery [--megabytes 20 200 2000] [--rounds 5] [--folder /tmp]

Results of 100 objects a frame are generated. Each way runs in a process of its own, in turn, pinned to one core, and
does the same: copies the file, writes the same rows as Parquet, and sums up each class. Ours is the pipeline's own
code, with S3 replaced by files. `ijson.items` and `json.load` stand for what a client would write by hand: rows with
PyArrow or pandas.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

OBJECTS_A_FRAME = 100
DISTINCT_FRAMES = 2000
"""More rows than a row group has: nothing is so small because it was there before."""

CLASSES = ("person", "car", "dog", "zebra")
MODEL_ID = "m"

JSON_LOAD_MAX_MEGABYTES = 400
"""Ten times this is what `json.load` takes, and a table comes on top."""

_PRELUDE = """
import sys, time
from pathlib import Path
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
"""

_EPILOGUE = """
seconds = time.perf_counter() - start
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(seconds, int(line.split()[1]) / 1024, rows)
"""

_OURS = """
from bench.delivery_files import deliver
start = time.perf_counter()
rows = deliver(source, folder, sys.argv[3])
"""

_ROWS = """
import shutil
from collections import Counter
COLUMNS = ("class", "class_id", "confidence", "x", "y", "width", "height", "detection_id")
def make_rows(elements, offsets, times):
    for element, offset, time in zip(elements, offsets, times):
        for prediction in element["predictions"]:
            yield {"frame_offset": offset, "time_offset": time, **{name: prediction.get(name) for name in COLUMNS}}
"""

_IJSON = (
    _ROWS
    + """
import ijson, pyarrow as pa, pyarrow.parquet as pq
from itertools import islice
start = time.perf_counter()
shutil.copyfile(source, folder / "results.json")
with source.open("rb") as file:
    offsets = list(ijson.items(file, "frame_offset.item", use_float=True))
with source.open("rb") as file:
    times = list(ijson.items(file, "time_offset.item", use_float=True))
rows, counts, writer = 0, Counter(), None
with source.open("rb") as file:
    found = make_rows(ijson.items(file, "m.item", use_float=True), offsets, times)
    while batch := list(islice(found, 100_000)):
        table = pa.Table.from_pylist(batch)
        writer = writer or pq.ParquetWriter(folder / "detections.parquet", table.schema, compression="zstd")
        writer.write_table(table)
        counts.update(row["class"] for row in batch)
        rows += len(batch)
writer.close()
"""
)

_JSON_LOAD = (
    _ROWS
    + """
import json, pandas as pd
start = time.perf_counter()
shutil.copyfile(source, folder / "results.json")
with source.open("rb") as file:
    results = json.load(file)
frame = pd.DataFrame(make_rows(results["m"], results["frame_offset"], results["time_offset"]))
frame.to_parquet(folder / "detections.parquet", compression="zstd")
counts = frame.groupby("class")["time_offset"].agg(["count", "min", "max"])
rows = len(frame)
"""
)

_IJSON_READING = """
import ijson
start = time.perf_counter()
rows = 0
with source.open("rb") as file:
    for element in ijson.items(file, "m.item", use_float=True):
        rows += len(element["predictions"])
"""

WAYS = {
    "deliver: Parquet": (_OURS, "parquet"),
    "deliver: all outputs": (_OURS, "parquet,csv,coco,webvtt,report"),
    "ijson.items, PyArrow": (_IJSON, ""),
    "json.load, pandas": (_JSON_LOAD, ""),
    "ijson.items alone": (_IJSON_READING, ""),
}
"""The program of each, and what it is given; the first is the yardstick, the last writes nothing."""


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    megabytes: float
    rows: int


def write_results(path: Path, megabytes: float) -> None:
    """Results of about this size, as the engine writes them."""
    chance = random.Random(1)  # noqa: S311  the same for everyone
    elements = [json.dumps(_make_element(chance)) for _ in range(DISTINCT_FRAMES)]
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


def _make_element(chance: random.Random) -> dict[str, object]:
    predictions = [
        {
            "x": round(chance.uniform(0, 1920), 1),
            "y": round(chance.uniform(0, 1080), 1),
            "width": round(chance.uniform(5, 300), 1),
            "height": round(chance.uniform(5, 300), 1),
            "confidence": round(chance.random(), 4),
            "class": CLASSES[kind := chance.randrange(len(CLASSES))],
            "class_id": kind,
            "detection_id": str(uuid.UUID(int=chance.getrandbits(128))),
        }
        for _ in range(OBJECTS_A_FRAME)
    ]
    return {"time": 0.05, "image": {"width": 1920, "height": 1080}, "predictions": predictions}


def run_way(name: str, source: Path) -> Run:
    """Runs one way over `source` in a process of its own, on one core."""
    program, argument = WAYS[name]
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command: list[str | Path] = [sys.executable, "-c", _PRELUDE + program + _EPILOGUE, source, folder, argument]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {0})
        )
    seconds, megabytes, rows = done.stdout.split()
    return Run(float(seconds), float(megabytes), int(rows))


def compose_table(size: int, runs: Mapping[str, Sequence[Run]]) -> Table:
    """A row a way: medians, and the median of the ratios to the first way's run in the same round."""
    table = Table("way", title=f"{size / 1e6:,.0f} MB", caption="Speed: how many times as fast the first way is.")
    for heading in ("seconds", "MB/s", "speed", "peak memory, MB", "rows"):
        table.add_column(heading, justify="right")
    yardstick = next(iter(runs.values()))
    for name, own in runs.items():
        seconds = median(run.seconds for run in own)
        speed = median(run.seconds / first.seconds for run, first in zip(own, yardstick, strict=True))
        peak = median(run.megabytes for run in own)
        table.add_row(
            name, f"{seconds:.2f}", f"{size / 1e6 / seconds:.0f}", f"{speed:.2f}", f"{peak:.0f}", f"{own[0].rows:,}"
        )
    return table


def main() -> None:
    """Measures, and prints a table a size."""
    parser = argparse.ArgumentParser(description="Measures how fast results are delivered.")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[20, 200, 2000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for megabytes in options.megabytes:
            source = Path(folder) / "results.json"
            write_results(source, megabytes)
            ways = [name for name in WAYS if megabytes <= JSON_LOAD_MAX_MEGABYTES or not name.startswith("json.load")]
            rounds = [[run_way(name, source) for name in ways] for _ in range(options.rounds)]
            runs = dict(zip(ways, zip(*rounds, strict=True), strict=True))
            Console(width=110).print(compose_table(source.stat().st_size, runs))


if __name__ == "__main__":
    main()
