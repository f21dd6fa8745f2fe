"""Runs a reader in the environment of its tool, and compares what it counts with the results."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.dataset_readers.exported import MAKERS, Exported
from tests.dataset_readers.read_dataset import READERS
from videoinfer.repository import ROOT

SCRIPT = Path(__file__).parent / "read_dataset.py"

ENVIRONMENTS = {"pycocotools": ".venv", "roboflow": ".venv-client", "ultralytics": ".venv-peers"}
OTHER_TOOLS = ".venv-datasets"
"""The environments of the tools."""

TIMEOUT_SECONDS = 300

COUNTS: Mapping[str, Sequence[str]] = {
    "pycocotools coco": ("tracks", "masks", "keypoints"),
    "datumaro cvat": ("tracks",),
    "ultralytics yolo": ("masks", "keypoints"),
    "label-studio-sdk label-studio": ("tracks", "masks", "keypoints"),
}
"""What a reader counts besides images and labels by class."""

KINDS: Mapping[str, Sequence[str]] = {
    "datumaro yolo": ("boxes",),
    "supervision yolo": ("boxes", "masks"),
    "fiftyone yolo": ("boxes", "masks"),
}
"""The kinds of datasets that a reader can read, if not all. Only Ultralytics reads key points in YOLO's text files."""


@dataclass(frozen=True)
class Reading:
    """What a tool counted.

    Attributes:
        version: The tool's version, or None if it is not installed.
        differences: The names of the counts that differ from the results.
    """

    dataset: str
    tool: str
    format_name: str
    version: str | None
    counted: Mapping[str, Any]
    differences: Sequence[str]


def list_readers(kind: str) -> list[str]:
    """The readers for a dataset of boxes, masks or poses."""
    return [reader for reader in READERS if kind in KINDS.get(reader, MAKERS)]


def find_python(reader: str) -> Path:
    tool, _ = reader.split()
    return ROOT / ENVIRONMENTS.get(tool, OTHER_TOOLS) / "bin" / "python"


def read(reader: str, dataset: Exported) -> Reading:
    """Reads a dataset with a tool. Raises AssertionError, with the tool's own words, if the tool fails."""
    tool, format_name = reader.split()
    python = find_python(reader)
    if not python.exists():
        return Reading(dataset.name, tool, format_name, None, {}, [])
    done = subprocess.run(
        [python, SCRIPT, reader, dataset.folder],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "YOLO_OFFLINE": "true"},
        check=False,
    )
    assert done.returncode == 0, f"{reader}, {dataset.name}: {done.stderr}"
    counted = json.loads(done.stdout.splitlines()[-1])
    names = ["images", "labels", *COUNTS.get(reader, ())]
    differences = [name for name in names if counted[name] != dataset.expected[name]]
    return Reading(
        dataset.name, tool, format_name, counted.pop("version"), {name: counted[name] for name in names}, differences
    )
