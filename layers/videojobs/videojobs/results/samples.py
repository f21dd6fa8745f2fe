"""The sampled frames of a results file on disk, one at a time, each with what every model found in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videojobs.results.bucket import read_pieces
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, read_lists


@dataclass(frozen=True)
class Sample:
    """A sampled frame, and what every model found in it.

    Attributes:
        frame_offset: Its number in the video, from 0.
        time_offset: Seconds from the first frame.
        elements: Each model's element of the results for it.
    """

    frame_offset: int
    time_offset: float
    elements: Sequence[tuple[str, Any]]


def read_samples(results: Path, model_ids: Sequence[str]) -> Iterator[Sample]:
    """The samples in the order of the video.

    The file has one list after the other and may be larger than memory, so each list is read by a reader of its own.
    """
    lists = [_read_list(results, model_id) for model_id in model_ids]
    offsets = _read_list(results, *FRAME_OFFSETS), _read_list(results, *TIME_OFFSETS)
    for frame_offset, time_offset, *elements in zip(*offsets, *lists, strict=True):
        yield Sample(frame_offset, time_offset, list(zip(model_ids, elements, strict=True)))


def _read_list(results: Path, *names: str) -> Iterator[Any]:
    with results.open("rb") as file:
        for entries in read_lists(read_pieces(file)):
            if entries.key in names:
                yield from entries.values
