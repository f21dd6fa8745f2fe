"""Derives all outputs from the results in one pass over their bytes.

Outputs get elements with their offsets. If elements come before the offsets in the file, the stored file is read a
second time, only for those elements. So memory holds a piece of the file and 16 bytes per sampled frame (41 MB for a
day at 30 frames a second), for any order of keys.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from videojobs.errors import BrokenResults
from videojobs.jobs.options import Model
from videojobs.results.analysis import Analysis, analyze
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, Entries, read_lists
from videojobs.results.predictions import Frames, decode_boxes


class Output(Protocol):
    """An output that is derived while the results are streamed."""

    def add(self, frames: Frames) -> None:
        """Adds some frames of one model. A model's frames are in order of time, and models follow one another.

        There may be no frames, but events, or neither.
        """

    def finish(self) -> None:
        """Finishes the output after the last frame."""


def derive(
    pieces: Iterable[bytes],
    models: Sequence[Model],
    outputs: Iterable[Output],
    read_again: Callable[[], Iterable[bytes]],
    *,
    analysis: Analysis,
) -> None:
    """Derives the outputs from the results in `pieces`, and finishes them.

    Args:
        read_again: Returns the same bytes again, after `pieces` has ended.
        analysis: A new one, which no frames have been added to.

    Raises:
        BrokenResults: The file breaks the contract; says where. The outputs are not finished.
    """
    outputs = list(outputs)
    for frames in analyze(read_frames(pieces, models, read_again), analysis):
        for output in outputs:
            output.add(frames)
    for output in outputs:
        output.finish()


def read_frames(
    pieces: Iterable[bytes], models: Sequence[Model], read_again: Callable[[], Iterable[bytes]]
) -> Iterator[Frames]:
    """Yields the elements of `models` with their offsets, some at a time; first an empty `Frames` for each list.

    Args:
        read_again: Returns the same bytes again, after `pieces` has ended.

    Raises:
        BrokenResults: The file is not JSON or cut short, a list is missing or repeated, or lists differ in length.
    """
    by_id = {model.model_id: model for model in models}
    offsets = _Offsets()
    lengths: dict[str, int] = {}
    early: set[str] = set()
    decoders = dict.fromkeys(by_id, decode_boxes)
    for entries in read_lists(pieces, decoders):
        if entries.key in by_id:
            if not entries.values:
                if entries.key in lengths:
                    raise BrokenResults(f"The results hold the list {entries.key} twice.")
                if offsets.missing:
                    early.add(entries.key)
            lengths[entries.key] = entries.first + len(entries.values)
            if entries.key not in early:
                yield from offsets.match(by_id[entries.key], entries)
        else:
            offsets.take(entries)
    _check_lengths(by_id, lengths, offsets)
    if early:
        for entries in read_lists(read_again(), decoders):
            if entries.key in early:
                yield from offsets.match(by_id[entries.key], entries)


class _Offsets:
    """The frame and time offsets of the sampled frames that have been read so far."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self.frames = array("q")
        self.times = array("d")

    @property
    def missing(self) -> list[str]:
        """The names of the lists that have not begun. One list ends before the next begins."""
        return [names[0] for names in (FRAME_OFFSETS, TIME_OFFSETS) if not any(key in names for key in self._keys)]

    def take(self, entries: Entries) -> None:
        """Adds entries of the offset lists, and ignores others."""
        for names, numbers in ((FRAME_OFFSETS, self.frames), (TIME_OFFSETS, self.times)):
            if entries.key in names:
                if not entries.values:
                    if any(key in names for key in self._keys):
                        raise BrokenResults(f"The results hold the list {names[0]} twice.")
                    self._keys.append(entries.key)
                try:
                    numbers.extend(entries.values)
                except (TypeError, OverflowError):
                    number = next(
                        number for number, value in enumerate(entries.values) if not _fits(value, numbers.typecode)
                    )
                    raise BrokenResults(
                        f"The results break the contract in element {entries.first + number:,} of {entries.key}: "
                        "it is not a valid number."
                    ) from None

    def match(self, model: Model, entries: Entries) -> Iterator[Frames]:
        """Yields a model's elements with their offsets, or nothing if there are fewer offsets."""
        end = entries.first + len(entries.values)
        if end > min(len(self.frames), len(self.times)):
            return  # _check_lengths reports it when the number of elements is known
        yield Frames(
            model_id=model.model_id,
            inference_type=model.inference_type,
            first=entries.first,
            frame_offsets=self.frames[entries.first : end],
            time_offsets=self.times[entries.first : end],
            entries=entries.values,
        )


def _fits(value: Any, typecode: str) -> bool:
    try:
        array(typecode, [value])
    except (TypeError, OverflowError):
        return False
    return True


def _check_lengths(models: Iterable[str], lengths: Mapping[str, int], offsets: _Offsets) -> None:
    frames = len(offsets.frames)
    missing = [*offsets.missing, *(model_id for model_id in models if model_id not in lengths)]
    if missing:
        raise BrokenResults(f"The results lack the {'list' if len(missing) == 1 else 'lists'} {', '.join(missing)}.")
    for model_id in models:
        if lengths[model_id] != frames:
            raise BrokenResults(
                f"The results hold {frames:,} frame offsets but {lengths[model_id]:,} elements for {model_id}."
            )
    if len(offsets.times) != frames:
        raise BrokenResults(f"The results hold {frames:,} frame offsets but {len(offsets.times):,} time offsets.")
