"""Reads a results file some elements at a time, because it may be larger than memory."""

from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videojobs.errors import BrokenResults
from videojobs.foreign_text import printable
from videojobs.results.bucket import read_pieces
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, DecodeEntries, Entries, read_lists
from videojobs.results.predictions import Frames, decode_boxes


@dataclass(frozen=True)
class ResultsFile:
    """A results file whose offsets have been read.

    Attributes:
        frame_offsets: For each sampled frame, its number in presentation order.
        time_offsets: For each sampled frame, its time in seconds.
    """

    path: Path
    model_ids: tuple[str, ...]
    frame_offsets: array[int]
    time_offsets: array[float]

    def read_frames(self, inference_types: Mapping[str, str]) -> Iterator[Frames]:
        """The frames of one model after the other, each model's in the order of time.

        Args:
            inference_types: By model id, as far as they are known.
        """
        for entries in _read_lists(self.path, dict.fromkeys(self.model_ids, decode_boxes)):
            if entries.key in self.model_ids:
                end = entries.first + len(entries.values)
                yield Frames(
                    model_id=entries.key,
                    inference_type=inference_types.get(entries.key),
                    first=entries.first,
                    frame_offsets=self.frame_offsets[entries.first : end],
                    time_offsets=self.time_offsets[entries.first : end],
                    entries=entries.values,
                )


def read_results_file(path: Path) -> ResultsFile:
    """Reads the offsets, which may be anywhere in the file.

    Raises:
        CommandError: It is not a results file; the message says where it breaks the contract.
    """
    check_file(path)
    frame_offsets, time_offsets = array("q"), array("d")
    offsets: dict[str, array[Any]] = {
        **dict.fromkeys(FRAME_OFFSETS, frame_offsets),
        **dict.fromkeys(TIME_OFFSETS, time_offsets),
    }
    lengths: dict[str, int] = {}
    try:
        for entries in _read_lists(path):
            if not entries.values and not lengths.keys().isdisjoint(_find_synonyms(entries.key)):
                raise CommandError(f"{path} is not a results file: it has the list {printable(entries.key)} twice.")
            lengths[entries.key] = entries.first + len(entries.values)
            if entries.key in offsets:
                offsets[entries.key].extend(entries.values)
    except BrokenResults as broken:
        raise CommandError(f"{path} is not a results file. {broken}") from broken
    except (TypeError, OverflowError) as error:
        raise CommandError(f"{path} is not a results file: {error} in {entries.key}.") from error
    for names in (FRAME_OFFSETS, TIME_OFFSETS):
        if lengths.keys().isdisjoint(names):
            raise CommandError(f"{path} is not a results file: it has no list {names[0]}.")
    model_ids = tuple(key for key in lengths if key not in offsets)
    for name, length in [("time offsets", len(time_offsets)), *((key, lengths[key]) for key in model_ids)]:
        if length != len(frame_offsets):
            raise CommandError(
                f"{path} is not a results file: it has {len(frame_offsets)} frame offsets but {length} of {name}."
            )
    return ResultsFile(path, model_ids, frame_offsets, time_offsets)


def _find_synonyms(key: str) -> Collection[str]:
    return next((names for names in (FRAME_OFFSETS, TIME_OFFSETS) if key in names), (key,))


def _read_lists(path: Path, decoders: Mapping[str, DecodeEntries] | None = None) -> Iterator[Entries]:
    """The entries of the top-level lists, in the order of the file."""
    with path.open("rb") as file:
        yield from read_lists(read_pieces(file), decoders)
