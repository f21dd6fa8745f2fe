"""Chooses the sampled frames of a dataset, in one pass over the results."""

from array import array
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Protocol

from videojobs.dataset.uncertain_frames import UncertainFrames, list_tracked
from videojobs.jobs.options import Options
from videojobs.results.analysis import Analysis
from videojobs.results.bucket import read_pieces
from videojobs.results.derivation import derive
from videojobs.results.predictions import Frames
from videojobs.results.tracks import LOST_FRAMES, LOST_SECONDS


class Selection(Protocol):
    """Chooses frames: an `Output` of the derivation."""

    @property
    def chosen(self) -> Sequence[int]:
        """The numbers in the video (`frame_offset`) of the chosen frames, in ascending order, once it is finished."""
        ...

    def add(self, frames: Frames) -> None: ...

    def finish(self) -> None: ...


def choose_frames(results: Path, options: Options) -> Sequence[int]:
    """Reads a results file, and returns the numbers in the video of the frames for the job's dataset.

    Memory holds 8 bytes per chosen frame, besides what the derivation needs.

    Raises:
        BrokenResults: The file breaks the contract; says where.
    """
    selection = open_selection(options)
    analysis = Analysis.of(options, with_events=isinstance(selection, EventFrames))
    derive(_read(results), options.models, [selection], lambda: _read(results), analysis=analysis)
    return selection.chosen


def open_selection(options: Options) -> Selection:
    """Returns the selection that a job's option `dataset_frames` asks for."""
    frames = options.dataset_frames
    if frames is None:
        raise ValueError("The job asks for no dataset.")
    if frames.kind == "uncertain":
        return UncertainFrames(frames.count)
    if frames.kind == "events":
        return EventFrames() if options.regions else TrackEnds()
    return EveryFrame(options.models[0].model_id, frames.count)


class EveryFrame:
    """Every `step`th sampled frame, beginning with the first. All models have the same frames."""

    def __init__(self, model_id: str, step: int) -> None:
        self.chosen: array[int] = array("q")
        self._model_id = model_id
        self._step = step

    def add(self, frames: Frames) -> None:
        if frames.model_id == self._model_id:
            self.chosen.extend(frames.frame_offsets[-frames.first % self._step :: self._step])

    def finish(self) -> None:
        pass


class EventFrames:
    """The frames that show entries, exits and crossings. Raises the reason why events can't be detected."""

    def __init__(self) -> None:
        self.chosen: array[int] = array("q")

    def add(self, frames: Frames) -> None:
        if frames.events_failure is not None:
            raise frames.events_failure
        self.chosen.extend(event.frame_offset for event in frames.events)

    def finish(self) -> None:
        self.chosen = _sort(self.chosen)


class TrackEnds:
    """The first and the last frame of each tracked object; an object that was lost for a while counts as another."""

    def __init__(self) -> None:
        self.chosen: array[int] = array("q")
        self._model_id = ""
        # By track ID: the last frame's number in the video, its number among the sampled ones, and its time. The
        # object that was seen longest ago is first.
        self._live: dict[int, tuple[int, int, float]] = {}

    def add(self, frames: Frames) -> None:
        if frames.model_id != self._model_id:
            self._end_tracks()
            self._model_id = frames.model_id
        for number, offset, seconds, tracked in list_tracked(frames):
            self._end_tracks(number, seconds)
            for track_id, _ in tracked:
                if self._live.pop(track_id, None) is None:
                    self.chosen.append(offset)
                self._live[track_id] = offset, number, seconds

    def finish(self) -> None:
        self._end_tracks()
        self.chosen = _sort(self.chosen)

    def _end_tracks(self, number: float = inf, seconds: float = inf) -> None:
        """Adds the last frames of the tracks that have ended before the sampled frame `number`."""
        while self._live:
            track_id, (offset, last_number, last_seconds) = next(iter(self._live.items()))
            if number - last_number - 1 <= LOST_FRAMES or seconds - last_seconds <= LOST_SECONDS:
                return
            self.chosen.append(offset)
            del self._live[track_id]


def _sort(numbers: "array[int]") -> "array[int]":
    """Returns the numbers in order, each once."""
    return array("q", sorted(set(numbers)))


def _read(results: Path) -> Iterator[bytes]:
    with results.open("rb") as file:
        yield from read_pieces(file)
