"""From a video's sampled frames to the elements of its results: the models run while the next frames are decoded."""

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.video.frame import VideoFrame

from videoengine.detections import Thresholds
from videoengine.detector import Detector, PendingElement
from videoengine.frames import read_frames
from videoengine.segments import SampledFrame

NULL = "null"
"""The element of a frame that is damaged, or that a model failed on."""

FRAMES_PER_CORE = 2
"""On their way at once: one that is worked on, and one that is next, so that no core waits for the decoder."""


@dataclass(frozen=True)
class FrameInference:
    """Runs models over a video's frames, all of them over one decode.

    The caller's thread reads the file, prepares frames and describes what was found; FFmpeg decodes and OpenVINO infers
    on threads of their own, which end by themselves when the caller gives up.

    Attributes:
        detectors: by the models' ids, each with what the job asks of it.
        on_failure: is told which model failed on a frame, and how. As the contract has it, the element is then `null`.
    """

    detectors: Mapping[str, tuple[Detector, Thresholds]]
    on_failure: Callable[[str, Exception], None]

    def infer(self, container: InputContainer, frames: Sequence[SampledFrame]) -> Iterator[dict[str, str]]:
        """For each sampled frame, in order, each model's element as JSON."""
        in_flight_max = FRAMES_PER_CORE * max(detector.concurrency for detector, _ in self.detectors.values())
        in_flight = deque[tuple[int, dict[str, PendingElement | None]]]()
        for times, picture in pair_frames(frames, read_frames(container, frames)):
            in_flight.append((times, self._start(picture)))
            if len(in_flight) > in_flight_max:
                yield from self._finish(*in_flight.popleft())
        while in_flight:
            yield from self._finish(*in_flight.popleft())

    def _start(self, picture: VideoFrame | None) -> dict[str, PendingElement | None]:
        pending: dict[str, PendingElement | None] = dict.fromkeys(self.detectors)
        if picture is None:
            return pending
        for model_id, (detector, thresholds) in self.detectors.items():
            try:
                pending[model_id] = detector.start(picture, thresholds)
            except Exception as error:
                self.on_failure(model_id, error)
        return pending

    def _finish(self, times: int, pending: Mapping[str, PendingElement | None]) -> Iterator[dict[str, str]]:
        elements = dict.fromkeys(pending, NULL)
        for model_id, finish in pending.items():
            try:
                # A network can give infinity or NaN (half precision does), which JSON has not: a failure.
                elements[model_id] = json.dumps(finish(), allow_nan=False) if finish else NULL
            except Exception as error:
                self.on_failure(model_id, error)
        return itertools.repeat(elements, times)


def pair_frames(
    frames: Iterable[SampledFrame], pictures: Iterator[tuple[int, VideoFrame]]
) -> Iterator[tuple[int, VideoFrame | None]]:
    """For each time that is sampled: how many times in a row, and its picture, or None where its data is damaged.

    Both come in presentation order.
    """
    timestamp, picture = next(pictures, (None, None))
    for wanted, group in itertools.groupby(frames, key=lambda frame: frame.timestamp):
        times = sum(1 for _ in group)
        if timestamp == wanted:
            yield times, picture
            timestamp, picture = next(pictures, (None, None))
        else:
            yield times, None
