"""The sampled frames of a results file on disk, one at a time, each with what every model found in it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import ijson

from videojobs.results_reader import FRAME_OFFSETS


@dataclass(frozen=True)
class Sample:
    """A sampled frame: its number in the video, from 0, and each model's element of the results for it."""

    frame_offset: int
    elements: Sequence[tuple[str, Any]]


def read_samples(results: Path, model_ids: Sequence[str]) -> Iterator[Sample]:
    """The samples in the order of the video.

    The file has one list after the other and may be larger than memory, so each list is read by a reader of its own.
    """
    with ExitStack() as files:

        def read_list(name: str) -> Iterator[Any]:
            return iter(ijson.items(files.enter_context(results.open("rb")), f"{name}.item", use_float=True))

        frame_offsets = chain.from_iterable(map(read_list, FRAME_OFFSETS))
        for frame_offset, *elements in zip(frame_offsets, *map(read_list, model_ids), strict=True):
            yield Sample(frame_offset, list(zip(model_ids, elements, strict=True)))
