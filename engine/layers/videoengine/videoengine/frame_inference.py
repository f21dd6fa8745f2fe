"""From sampled frames to elements of the results. Models run while the next frames are decoded."""

import itertools
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.video.frame import VideoFrame

from videoengine.detections import Thresholds
from videoengine.detector import Detector, PendingElement
from videoengine.frame_reuse import FrameReuse
from videoengine.frames import read_frames
from videoengine.segments import SampledFrame

NULL = "null"
"""The element of a frame that can't be decoded, or that a model failed on."""

FRAMES_PER_CORE = 2
"""Frames in flight for each core: one that is inferred and one that is next, so that no core waits for the decoder."""


@dataclass(frozen=True)
class FrameInference:
    """Runs models on the frames of a video. Each frame is decoded once for all models.

    The caller's thread reads the file, preprocesses frames and formats the results. FFmpeg decodes and OpenVINO infers
    in their own threads, which end when the caller stops iterating.

    Attributes:
        detectors: for each model id, the detector and the job's thresholds.
        on_failure: called with the model id and the exception when a model fails on a frame. As in the hosted API, the
            element is then `null`.
        reusing: ids of the models that repeat their predictions while the picture is still.
    """

    detectors: Mapping[str, tuple[Detector, Thresholds]]
    on_failure: Callable[[str, Exception], None]
    reusing: Collection[str] = ()

    def infer(self, container: InputContainer, frames: Sequence[SampledFrame]) -> Iterator[dict[str, str]]:
        """For each sampled frame, in order: the element of each model as JSON, by model id.

        Args:
            container: just opened.

        Raises:
            JobFailed: the video can't be decoded at all.
        """
        in_flight_max = FRAMES_PER_CORE * max(detector.concurrency for detector, _ in self.detectors.values())
        in_flight = deque[tuple[int, dict[str, PendingElement | None]]]()
        reuses = {model_id: FrameReuse(*self.detectors[model_id]) for model_id in self.reusing}
        for samples, picture in pair_frames(frames, read_frames(container, frames)):
            in_flight.append((len(samples), self._start(picture, samples[0], reuses)))
            if len(in_flight) > in_flight_max:
                yield from self._finish(*in_flight.popleft())
        while in_flight:
            yield from self._finish(*in_flight.popleft())

    def _start(
        self, picture: VideoFrame | None, frame: SampledFrame, reuses: Mapping[str, FrameReuse]
    ) -> dict[str, PendingElement | None]:
        pending: dict[str, PendingElement | None] = dict.fromkeys(self.detectors)
        if picture is None:
            return pending
        for model_id, (detector, thresholds) in self.detectors.items():
            try:
                reuse = reuses.get(model_id)
                pending[model_id] = reuse.start(picture, frame) if reuse else detector.start(picture, thresholds)
            except Exception as error:
                self.on_failure(model_id, error)
        return pending

    def _finish(self, times: int, pending: Mapping[str, PendingElement | None]) -> Iterator[dict[str, str]]:
        elements = dict.fromkeys(pending, NULL)
        for model_id, finish in pending.items():
            try:
                # Networks can return infinity or NaN, mostly in half precision. JSON has neither, so this is a failure.
                elements[model_id] = json.dumps(finish(), allow_nan=False) if finish else NULL
            except Exception as error:
                self.on_failure(model_id, error)
        return itertools.repeat(elements, times)


def pair_frames(
    frames: Iterable[SampledFrame], pictures: Iterator[tuple[int, VideoFrame]]
) -> Iterator[tuple[Sequence[SampledFrame], VideoFrame | None]]:
    """Pairs sampled frames with decoded pictures.

    Args:
        frames: in presentation order. A frame is repeated if it stays on screen for several samples.
        pictures: (timestamp, picture) in presentation order; damaged frames are missing.

    Returns:
        For each different frame: its samples, and its picture, or None if it is damaged.
    """
    timestamp, picture = next(pictures, (None, None))
    for wanted, group in itertools.groupby(frames, key=lambda frame: frame.timestamp):
        samples = list(group)
        if timestamp == wanted:
            yield samples, picture
            timestamp, picture = next(pictures, (None, None))
        else:
            yield samples, None
