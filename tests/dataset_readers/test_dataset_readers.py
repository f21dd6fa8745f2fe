"""Tools that people use count in a dataset what the results have. These are the light ones; `python -m
tests.dataset_readers` runs all.
"""

from pathlib import Path

import pytest

from tests.dataset_readers.exported import MAKERS, export_made
from tests.dataset_readers.read_dataset import READERS
from tests.dataset_readers.reading import COUNTS, ENVIRONMENTS, KINDS, find_python, read

LIGHT = ("pycocotools coco", "roboflow coco", "roboflow yolo")
"""Readers whose environment every run of the tests has."""


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("reader", LIGHT)
def test_a_tool_counts_what_the_results_have(kind: str, reader: str, tmp_path: Path) -> None:
    options = ["--format", reader.split()[1]]
    dataset = export_made(kind, tmp_path, *options)
    reading = read(reader, dataset)
    assert reading.version is not None
    assert reading.differences == [], (reading.counted, dataset.expected)


def test_a_difference_is_noticed(tmp_path: Path) -> None:
    dataset = export_made("boxes", tmp_path)
    next(iter((dataset.folder / "labels" / "train").glob("*05.txt"))).write_text("")
    assert read("roboflow yolo", dataset).differences == ["labels"]


def test_every_reader_has_an_environment() -> None:
    tools = {reader.split()[0] for reader in READERS}
    assert ENVIRONMENTS.keys() <= tools
    assert {*COUNTS, *KINDS, *LIGHT} <= READERS.keys()
    assert all(find_python(reader).parent.parent.name.startswith(".venv") for reader in READERS)
