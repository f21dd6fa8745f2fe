"""What is derived from the elements of a model: track IDs, which predictions count, and events.

Everything that reads predictions for people gets them from here: all outputs, the annotated video, and the local
commands. So they agree.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import compress
from typing import Self

from videojobs.jobs.options import Options
from videojobs.jobs.regions import Region
from videojobs.results.event_detection import EventDetection
from videojobs.results.events import Event
from videojobs.results.filters import PredictionFilter, keep_selected
from videojobs.results.predictions import Frames
from videojobs.results.tracking import Tracking


class Analysis:
    """Analyzes the frames of all models of a results file. Each model's frames must be in order of time.

    Args:
        track: Whether predictions get track IDs.
        selected: Selects the predictions that count; by default, all do.
        regions: Where to look for events; needs track IDs.
    """

    def __init__(
        self, *, track: bool, selected: PredictionFilter | None = None, regions: Sequence[Region] = ()
    ) -> None:
        self._tracking = Tracking() if track else None
        self._filter = selected or PredictionFilter()
        # The class of an object is that of most of its frames, so its events need also the frames with another class.
        self._watched_filter = PredictionFilter(min_confidence=self._filter.min_confidence)
        self._detection = EventDetection(select_regions(regions, self._filter.classes)) if regions else None
        self._failure: Exception | None = None

    @classmethod
    def of(cls, options: Options, *, with_events: bool = True) -> Self:
        """Returns the analysis that a job's options ask for; without `with_events`, only its tracks and predictions."""
        selected = PredictionFilter(classes=frozenset(options.classes), min_confidence=options.min_confidence)
        return cls(track=options.track, selected=selected, regions=options.regions if with_events else ())

    def add(self, frames: Frames) -> Frames:
        """Returns a model's next frames with track IDs and events, without predictions that don't count.

        If events can't be detected, there are none from then on, and `events_failure` says why.
        """
        if self._tracking is not None:
            # Predictions that don't count help to follow an object.
            frames = self._tracking.add(frames)
        selected = _select(frames, self._filter)
        if self._detection is None:
            return selected
        watched = _select(frames, self._watched_filter) if self._filter.classes else selected
        return selected.with_events(*self._detect(self._detection, watched))

    def end(self, last: Frames) -> Frames | None:
        """Returns frames without entries, but with the last events, after the last frames of a model.

        Returns None if regions are not asked for.
        """
        if self._detection is None:
            return None
        empty = Frames(
            model_id=last.model_id,
            inference_type=last.inference_type,
            first=last.first + len(last.entries),
            frame_offsets=[],
            time_offsets=[],
            entries=[],
            track_ids=[],
        )
        return empty.with_events(*self._detect(self._detection, empty, is_end=True))

    def _detect(
        self, detection: EventDetection, frames: Frames, *, is_end: bool = False
    ) -> tuple[Sequence[Event], Exception | None]:
        if self._failure is None:
            try:
                return (detection.end(frames.model_id) if is_end else detection.add(frames)), None
            except Exception as failure:  # a bug or impossible data; the outputs without events are not affected
                self._failure = failure
        return (), self._failure


def select_regions(regions: Sequence[Region], classes: Set[str]) -> Sequence[Region]:
    """Returns the regions limited to `classes`, if it is not empty, without those where no class is left."""
    if not classes:
        return regions
    limited = (replace(region, classes=tuple(filter(region.counts, sorted(classes)))) for region in regions)
    return [region for region in limited if region.classes]


def _select(frames: Frames, selecting: PredictionFilter) -> Frames:
    if not selecting.is_set:
        return frames
    predictions = frames.usable_predictions
    selected = selecting.select(predictions)
    if all(selected):
        return frames
    track_ids = None if frames.track_ids is None else list(compress(frames.track_ids, selected))
    others = {name for name in predictions.columns["class"] if name is not None} - selecting.classes
    return frames.with_predictions(
        keep_selected(predictions, selected), track_ids, frozenset(others) if selecting.classes else frozenset()
    )


def analyze(batches: Iterable[Frames], analysis: Analysis) -> Iterator[Frames]:
    """Yields analyzed frames. Models follow one another; after the last frames of each are its last events."""
    last: Frames | None = None
    for frames in batches:
        if last is not None and frames.model_id != last.model_id and (ended := analysis.end(last)):
            yield ended
        last = frames
        yield analysis.add(frames)
    if last is not None and (ended := analysis.end(last)):
        yield ended
