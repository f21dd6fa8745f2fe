"""A results file on disk, read an element at a time: it may be larger than memory."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson
from ijson.common import ObjectBuilder

from videoinfer.errors import CommandError
from videojobs.results_reader import FRAME_OFFSETS, TIME_OFFSETS


@dataclass(frozen=True)
class ResultsFile:
    """A results file whose offsets have been read.

    Attributes:
        frame_offsets: Frames counted in presentation order, one a sampled frame.
        time_offsets: Seconds.
    """

    path: Path
    model_ids: tuple[str, ...]
    frame_offsets: array[int]
    time_offsets: array[float]

    def read_elements(self) -> Iterator[tuple[str, int, float, Any]]:
        """Model id, frame offset, time offset and element: one model after the other, each in the order of time."""
        for model_id, number, element in _read_lists(self.path):
            if model_id not in FRAME_OFFSETS and model_id not in TIME_OFFSETS:
                yield model_id, self.frame_offsets[number], self.time_offsets[number], element


def read_results_file(path: Path) -> ResultsFile:
    """Reads the offsets, wherever in the file they are.

    Raises:
        CommandError: It is not a results file; says where it breaks the contract.
    """
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    frame_offsets, time_offsets = array("q"), array("d")
    lengths: defaultdict[str, int] = defaultdict(int)
    try:
        for key, number, value in _read_lists(path):
            if key in FRAME_OFFSETS:
                frame_offsets.append(value)
            elif key in TIME_OFFSETS:
                time_offsets.append(value)
            else:
                lengths[key] = number + 1
    except (ijson.JSONError, TypeError, OverflowError) as error:
        raise CommandError(f"{path} is not a results file: {' '.join(str(error).split())}") from error
    for name, length in [("time offsets", len(time_offsets)), *lengths.items()]:
        if length != len(frame_offsets):
            raise CommandError(
                f"{path} is not a results file: it holds {len(frame_offsets)} frame offsets but {length} of {name}."
            )
    return ResultsFile(path, tuple(lengths), frame_offsets, time_offsets)


def _read_lists(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Key, place and value of every entry of the top-level lists, in the order of the file."""
    with path.open("rb") as file:
        events = ((event, value) for _, event, value in ijson.parse(file, use_float=True))
        if next(events, ("", None))[0] != "start_map":
            raise ijson.JSONError("it is no JSON object")
        for event, key in events:
            if event == "end_map":
                return
            if next(events)[0] != "start_array":
                raise ijson.JSONError(f"{key!r} is no list")
            for number, value in enumerate(_read_entries(events)):
                yield key, number, value


def _read_entries(events: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    for event, value in events:
        if event == "end_array":
            return
        if event not in ("start_map", "start_array"):
            yield value
            continue
        builder, depth = ObjectBuilder(), 1
        builder.event(event, value)
        while depth:
            event, value = next(events)
            depth += (event in ("start_map", "start_array")) - (event in ("end_map", "end_array"))
            builder.event(event, value)
        yield builder.value
