"""Reads the sampled frames of a results file on disk, one at a time, each with the predictions of all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Self

from videojobs.results.analysis import Analysis
from videojobs.results.bucket import read_pieces
from videojobs.results.events import Event
from videojobs.results.json_lists import FRAME_OFFSETS, TIME_OFFSETS, DecodeEntries, read_lists
from videojobs.results.predictions import Frames, Predictions, decode_boxes
from videojobs.results.tracking import TrackIds


@dataclass(frozen=True)
class SampleElement:
    """One model's element for one sampled frame.

    Attributes:
        predictions: Only those that fit the contract and count.
        size: Width and height of the picture that their pixels refer to, or None.
        track_ids: The number of each prediction's track, or None; None instead of the list without tracking.
        events: The model's next events, some seconds after they happened.
        is_failure: Whether the model failed on this frame.
        is_embedding: Whether the element is an embedding instead of predictions.
        is_unread: Whether the element has a form that is not known, as in `Frames.unknown_forms`.
        is_classification: Whether the predictions are labels of the whole frame.
    """

    model_id: str
    predictions: Predictions
    size: tuple[int, int] | None
    track_ids: TrackIds | None = None
    _: KW_ONLY
    events: Sequence[Event] = ()
    is_failure: bool = False
    is_embedding: bool = False
    is_unread: bool = False
    is_classification: bool = False


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
        cls, frame_offset: int, time_offset: float, elements: Mapping[str, Any], analysis: Analysis | None = None
    ) -> Self:
        """Returns the sample of the models' elements, which are keyed by model ID.

        Args:
            analysis: Has analyzed the samples before, and analyzes this one; without it there are no track IDs.
        """
        analysis = analysis or Analysis(track=False)
        normalized = []
        for model_id, element in elements.items():
            frames = analysis.add(
                Frames(
                    model_id=model_id,
                    inference_type=None,
                    first=0,
                    frame_offsets=[frame_offset],
                    time_offsets=[time_offset],
                    entries=[element],
                )
            )
            [facts], [is_failure], [is_unread] = frames.facts, frames.failures, frames.unknown_forms
            normalized.append(
                SampleElement(
                    model_id,
                    frames.usable_predictions,
                    facts.size,
                    frames.track_ids,
                    events=frames.events,
                    is_failure=is_failure,
                    is_embedding=facts.embedding is not None,
                    is_unread=is_unread,
                    is_classification=facts.scores is not None,
                )
            )
        return cls(frame_offset, time_offset, normalized)


def read_samples(results: Path, model_ids: Sequence[str], analysis: Analysis) -> Iterator[Sample]:
    """Yields the samples in the order of the video.

    The file has one list after another and may be larger than memory, so each list is read by a separate reader.
    """
    lists = [_read_list(results, (model_id,), decode_boxes) for model_id in model_ids]
    offsets = _read_list(results, FRAME_OFFSETS), _read_list(results, TIME_OFFSETS)
    for frame_offset, time_offset, *elements in zip(*offsets, *lists, strict=True):
        yield Sample.normalize(frame_offset, time_offset, dict(zip(model_ids, elements, strict=True)), analysis)


def _read_list(results: Path, names: Sequence[str], decode: DecodeEntries | None = None) -> Iterator[Any]:
    with results.open("rb") as file:
        for entries in read_lists(read_pieces(file), dict.fromkeys(names, decode) if decode else None):
            if entries.key in names:
                yield from entries.values
