"""Derivation: everything that a job puts out besides the results themselves, in one pass over their bytes.

Elements are handed to the outputs with their offsets. Where elements stand before the offsets in the file, the stored
file is read once more, for those alone: so memory holds a piece of the file and 16 bytes a sampled frame (41 MB for a
day at 30 frames a second), whatever the order of keys.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from videojobs.errors import BrokenResults
from videojobs.jobs.options import Model
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, Entries, read_lists
from videojobs.results.predictions import Frames, decode_boxes


class Output(Protocol):
    """Something that is made of the results while they stream by."""

    def add(self, frames: Frames) -> None:
        """Takes some frames of one model: a model's in the order of time, one model after the other."""

    def finish(self) -> None:
        """All frames have come."""


def derive(
    pieces: Iterable[bytes],
    models: Sequence[Model],
    outputs: Iterable[Output],
    read_again: Callable[[], Iterable[bytes]],
) -> None:
    """Feeds the outputs with the results in `pieces`, and finishes them.

    Raises:
        BrokenResults: the file breaks the contract; says where. The outputs are then not finished.
    """
    outputs = list(outputs)
    for frames in read_frames(pieces, models, read_again):
        for output in outputs:
            output.add(frames)
    for output in outputs:
        output.finish()


def read_frames(
    pieces: Iterable[bytes], models: Sequence[Model], read_again: Callable[[], Iterable[bytes]]
) -> Iterator[Frames]:
    """The elements of `models`, some at a time, with their offsets; a list begins with frames that have no elements.

    Args:
        read_again: Gives the same bytes once more, when `pieces` has come to its end.

    Raises:
        BrokenResults: it is not JSON or cut short, a list is missing or there twice, or lists have different lengths.
    """
    by_id = {model.model_id: model for model in models}
    offsets = _Offsets()
    lengths: dict[str, int] = {}
    early: set[str] = set()
    decoders = dict.fromkeys(by_id, decode_boxes)
    for entries in read_lists(pieces, decoders):
        if entries.key in by_id:
            if not entries.values:
                _refuse_second(entries, lengths)
                if not offsets.are_complete:
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
    """The frame and time offsets of the sampled frames, as far as they have come."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self.frames = array("q")
        self.times = array("d")

    @property
    def missing(self) -> list[str]:
        """The names of the lists that have not come."""
        return [names[0] for names in (FRAME_OFFSETS, TIME_OFFSETS) if not any(key in names for key in self._keys)]

    @property
    def are_complete(self) -> bool:
        """Whether both lists have come; one list ends before the next begins."""
        return len(self._keys) == 2

    def take(self, entries: Entries) -> None:
        """Takes entries of the offset lists, and leaves others alone."""
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
                        "it is no number that can be read."
                    ) from None

    def match(self, model: Model, entries: Entries) -> Iterator[Frames]:
        """A model's elements with their offsets. Raises BrokenResults where there are more than offsets."""
        end = entries.first + len(entries.values)
        if end > min(len(self.frames), len(self.times)):
            return  # told at the end, when it is known how many there are
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


def _refuse_second(entries: Entries, lengths: Mapping[str, int]) -> None:
    if entries.key in lengths:
        raise BrokenResults(f"The results hold the list {entries.key} twice.")


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
