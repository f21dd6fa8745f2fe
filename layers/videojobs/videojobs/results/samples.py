"""Reads the sampled frames of a results file on disk, one at a time, each with the predictions of all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from videojobs.results.bucket import read_pieces
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, DecodeEntries, read_lists
from videojobs.results.predictions import Predictions, decode_boxes, read_frame_facts, read_predictions
from videojobs.results.tracking import TrackIds, Tracking


@dataclass(frozen=True)
class SampleElement:
    """One model's element for one sampled frame.

    Attributes:
        predictions: Only those that fit the contract.
        size: Width and height of the picture that their pixels refer to, or None.
        track_ids: The number of each prediction's track, or None; None instead of the list without tracking.
    """

    model_id: str
    predictions: Predictions
    size: tuple[int, int] | None
    track_ids: TrackIds | None = None


@dataclass(frozen=True)
class Sample:
    """A sampled frame, with the predictions of all models.

    Attributes:
        frame_offset: The frame's number in the video, from 0.
        time_offset: Seconds from the first frame.
    """

    frame_offset: int
    time_offset: float
    elements: Sequence[SampleElement]

    @classmethod
    def normalize(
        cls, frame_offset: int, time_offset: float, elements: Mapping[str, Any], tracking: Tracking | None = None
    ) -> Self:
        """Returns the sample of the models' elements, which are keyed by model ID.

        Args:
            tracking: Has the tracks of the samples before, and gets this one's; without it there are no track IDs.
        """
        normalized = []
        for model_id, element in elements.items():
            predictions = read_predictions([element])[0]
            track_ids = tracking.number(model_id, [time_offset], predictions) if tracking else None
            normalized.append(SampleElement(model_id, predictions, read_frame_facts(element).size, track_ids))
        return cls(frame_offset, time_offset, normalized)


def read_samples(results: Path, model_ids: Sequence[str], *, track: bool) -> Iterator[Sample]:
    """Yields the samples in the order of the video, with track IDs if `track`.

    The file has one list after another and may be larger than memory, so each list is read by a separate reader.
    """
    lists = [_read_list(results, (model_id,), decode_boxes) for model_id in model_ids]
    offsets = _read_list(results, FRAME_OFFSETS), _read_list(results, TIME_OFFSETS)
    tracking = Tracking() if track else None
    for frame_offset, time_offset, *elements in zip(*offsets, *lists, strict=True):
        yield Sample.normalize(frame_offset, time_offset, dict(zip(model_ids, elements, strict=True)), tracking)


def _read_list(results: Path, names: Sequence[str], decode: DecodeEntries | None = None) -> Iterator[Any]:
    with results.open("rb") as file:
        for entries in read_lists(read_pieces(file), dict.fromkeys(names, decode) if decode else None):
            if entries.key in names:
                yield from entries.values
