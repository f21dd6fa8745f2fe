"""Chooses the frames of which a model is least sure.

These are the frames with the highest expected number of mistakes:

- A prediction counts as the chance that it is wrong, 1 minus its confidence. This is the least-confidence measure of
  Settles, "Active Learning Literature Survey" (2009), 3.1.
- An object that is missing between two frames that show it counts 1. So does a prediction with another class than that
  of the same object before. Bengar et al., "Temporal Coherence for Active Learning in Videos" (arXiv:1908.11757), also
  estimate the number of false negatives and positives from tracks.
- A frame has the sum of these, one of the aggregations of Brust et al., "Active Learning for Deep Object Detection"
  (arXiv:1809.09875). All have the same unit, so no weights need to be chosen.
- Neighboring frames look the same. So there is some time between two chosen frames, as in Aghdam et al., "Active
  Learning for Deep Detection Neural Networks" (arXiv:1911.09168).

With several models, a frame counts as for the model with the most expected mistakes.
"""

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf

from msgspec import Struct

from videojobs.results.predictions import Frames

GAP_SECONDS = 2.5
"""An object that is missing for longer may be hidden. At one sampled frame a second, one frame may lack it."""

GAP_FRAMES_MAX = 300
"""The sampled frames in that time at 120 frames a second. It bounds the memory for impossible times."""

DISTANCE_SECONDS = 1.0
"""The shortest time between two uncertain frames."""

_ROUNDING_SECONDS = 0.0001
"""Time offsets have four decimals."""

_NEIGHBORS = 3
"""A chosen frame excludes candidates of its own second, of the one before and of the one after."""


class _Candidate(Struct, order=True, frozen=True, gc=False):
    """A frame that may be chosen. The order is from the surest; of equals, the earlier frame is greater."""

    mistakes: float
    before: float
    offset: int

    @property
    def seconds(self) -> float:
        return -self.before


class UncertainFrames:
    """Up to `count` frames with the most expected mistakes. A frame without any is never chosen.

    It takes the best candidate again and again, unless it is closer than DISTANCE_SECONDS to a chosen one. Candidates
    are the best frame of each second and model. Memory holds enough of them for an exact answer.
    """

    def __init__(self, count: int) -> None:
        self.chosen: Sequence[int] = ()
        self._count = count
        self._candidates: list[list[_Candidate]] = []
        self._model_id: str | None = None
        self._mistakes = _Mistakes()
        self._best: _Candidate | None = None

    def add(self, frames: Frames) -> None:
        if frames.model_id != self._model_id:
            self._end_model()
            self._candidates.append([])
            self._model_id, self._mistakes = frames.model_id, _Mistakes()
        for candidate in self._mistakes.add(frames):
            self._take(candidate)

    def finish(self) -> None:
        self._end_model()
        times: list[float] = []
        chosen: list[int] = []
        for candidate in sorted((one for found in self._candidates for one in found), reverse=True):
            if len(chosen) < self._count and not _is_close(candidate.seconds, times):
                insort(times, candidate.seconds)
                chosen.append(candidate.offset)
        self.chosen = sorted(chosen)

    def _end_model(self) -> None:
        for candidate in self._mistakes.end():
            self._take(candidate)
        self._keep_best()

    def _take(self, candidate: _Candidate) -> None:
        """Takes the next frame of a model."""
        if self._best is not None and candidate.seconds // DISTANCE_SECONDS == self._best.seconds // DISTANCE_SECONDS:
            self._best = max(self._best, candidate)
            return
        self._keep_best()
        self._best = candidate

    def _keep_best(self) -> None:
        """Keeps the best frame of a second, if it is among the best of its model."""
        if self._best is not None and self._best.mistakes > 0:
            kept = self._candidates[-1]
            push = heapq.heappush if len(kept) < _NEIGHBORS * self._count else heapq.heappushpop
            push(kept, self._best)
        self._best = None


def _is_close(seconds: float, times: Sequence[float]) -> bool:
    place = bisect_left(times, seconds)
    return any(
        abs(seconds - other) < DISTANCE_SECONDS - _ROUNDING_SECONDS for other in times[max(0, place - 1) : place + 1]
    )


class _WaitingFrame(Struct, gc=False):
    """A frame whose mistakes may still increase."""

    offset: int
    seconds: float
    mistakes: float


class _Mistakes:
    """Counts the expected mistakes of one model in its frames. Frames leave it some seconds after they came."""

    def __init__(self) -> None:
        self._waiting: deque[_WaitingFrame] = deque()
        # By track ID: the number of the frame that showed the object last, its time, and the class. The object that
        # was seen longest ago is first.
        self._seen: dict[int, tuple[int, float, str | None]] = {}

    def add(self, frames: Frames) -> Iterator[_Candidate]:
        """Yields the frames that are complete, in the order in which they came."""
        predictions = frames.usable_predictions
        names = predictions.columns["class"]
        doubts = [0.0 if confidence is None else 1 - confidence for confidence in predictions.confidences]
        rest = iter(doubts)
        for (number, offset, seconds, tracked), count in zip(list_tracked(frames), predictions.counts, strict=True):
            yield from self._release(seconds)
            self._forget(number, seconds)
            mistakes = sum(islice(rest, count))
            for track_id, row in tracked:
                last_number, _, last_name = self._seen.pop(track_id, (number - 1, seconds, names[row]))
                # A frame may have two predictions of one object.
                for frame in islice(reversed(self._waiting), max(0, number - last_number - 1)):
                    frame.mistakes += 1
                if names[row] != last_name:
                    mistakes += 1 - doubts[row]
                self._seen[track_id] = number, seconds, names[row]
            self._waiting.append(_WaitingFrame(offset, seconds, mistakes))

    def end(self) -> Iterator[_Candidate]:
        """Yields the other frames, after the model's last one."""
        return self._release(inf)

    def _release(self, seconds: float) -> Iterator[_Candidate]:
        while self._waiting and (
            seconds - self._waiting[0].seconds > GAP_SECONDS or len(self._waiting) > GAP_FRAMES_MAX
        ):
            frame = self._waiting.popleft()
            yield _Candidate(frame.mistakes, -frame.seconds, frame.offset)

    def _forget(self, number: int, seconds: float) -> None:
        """Forgets the objects that have been missing for too long."""
        while self._seen:
            track_id, (last_number, last_seconds, _) = next(iter(self._seen.items()))
            if seconds - last_seconds <= GAP_SECONDS and number - last_number <= GAP_FRAMES_MAX:
                return
            del self._seen[track_id]


def list_tracked(frames: Frames) -> Iterator[tuple[int, int, float, Sequence[tuple[int, int]]]]:
    """Yields each frame's number among the sampled ones, its number in the video, its time, and its tracked objects.

    An object is a pair of its track ID and its row in `usable_predictions`.
    """
    rows = iter(enumerate(frames.track_ids or [None] * len(frames.usable_predictions)))
    counts = frames.usable_predictions.counts
    offsets = zip(frames.frame_offsets, frames.time_offsets, counts, strict=True)
    for number, (offset, seconds, count) in enumerate(offsets, start=frames.first):
        tracked = [(track_id, row) for row, track_id in islice(rows, count) if track_id is not None]
        yield number, offset, seconds, tracked
