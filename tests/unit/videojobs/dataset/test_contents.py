"""The contents of a dataset wait in a file."""

import tracemalloc
from typing import IO

import pytest

from tests.unit.videojobs.dataset.written import HEIGHT, WIDTH, MemorySink
from videojobs.dataset.contents import DatasetContents, LabeledImage
from videojobs.dataset.formats import WRITERS
from videojobs.dataset.labels import Label


class NullSink(MemorySink):
    def write(self, name: str, data: bytes | IO[bytes]) -> None:
        pass


def measure_peak(images: int) -> int:
    """Returns the most bytes that a dataset of `images` pictures with 20 labels each takes."""
    tracemalloc.start()
    with DatasetContents() as contents:
        contents.categories.find("m", "a", None)
        for number in range(images):
            labels = [Label(1, 0.5, track, (0.0, 0.0, 1.0, 1.0), [], None) for track in range(20)]
            contents.add(LabeledImage(number, f"{number:08}.jpg", WIDTH, HEIGHT, number, 0.0, labels))
        for write in WRITERS.values():
            write(contents, NullSink())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video() -> None:
    """Labels wait in a file: memory holds 8 bytes for each, of an array that grows in steps."""
    small, large = (min(measure_peak(images) for _ in range(3)) for images in (50, 500))
    assert large - small < 450 * 20 * 16, (small, large)
