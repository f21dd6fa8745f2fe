"""Reads exported datasets with the tools that people use, and prints what each counts beside what the results have.

`.venv-datasets`, `.venv-client` and `.venv-peers` have the tools (`make .venv-datasets/ready` and so on); those that
are not installed are listed as such. Exits with 1 if a tool fails or counts something else.

Example:
    .venv/bin/python -m tests.dataset_readers results.json belt.mp4
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.dataset_readers.exported import MAKERS, Exported, export, export_made
from tests.dataset_readers.reading import Reading, list_readers, read


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads exported datasets with the tools that people use.")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="RESULTS VIDEO", help="your own, besides those made here"
    )
    files = parser.parse_args().files
    if len(files) % 2:
        parser.error("give a results file and its video")
    with tempfile.TemporaryDirectory() as scratch:
        readings = [
            reading for dataset, kind in list_datasets(files, Path(scratch)) for reading in read_all(dataset, kind)
        ]
    print_table(readings)
    sys.exit(any(reading.differences for reading in readings))


def list_datasets(files: list[Path], scratch: Path) -> Iterator[tuple[Exported, str]]:
    """Yields datasets with their kinds."""
    for kind in MAKERS:
        yield export_made(kind, scratch / kind), kind
    for results, video in zip(files[::2], files[1::2], strict=True):
        yield export(video.name, results, video, scratch / video.name), "boxes"


def read_all(dataset: Exported, kind: str) -> Iterator[Reading]:
    for reader in list_readers(kind):
        if reader == "roboflow coco":  # it prefers text files
            alone = Exported(dataset.name, dataset.folder.with_name(f"{dataset.folder.name}-coco"), dataset.expected)
            for folder in ("images", "annotations"):
                shutil.copytree(dataset.folder / folder, alone.folder / folder)
            yield read(reader, alone)
        else:
            yield read(reader, dataset)


def print_table(readings: list[Reading]) -> None:
    print("| dataset | format | read by | images | labels | tracks | masks | key points | equal |")
    print("|---|---|---|---|---|---|---|---|---|")
    for reading in readings:
        head = f"| {reading.dataset} | {reading.format_name} | {reading.tool}"
        if reading.version is None:
            print(f"{head}: not installed | | | | | | |")
            continue
        labels = ", ".join(f"{number} {name}" for name, number in reading.counted["labels"].items())
        others = " | ".join(str(reading.counted.get(name, "")) for name in ("tracks", "masks", "keypoints"))
        verdict = f"no: {', '.join(reading.differences)}" if reading.differences else "yes"
        print(f"{head} {reading.version} | {reading.counted['images']} | {labels} | {others} | {verdict} |")


if __name__ == "__main__":
    main()
