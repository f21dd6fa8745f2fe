"""Models on a video's frames: results are in order, several frames run at a time, and a failure costs
only its element.
"""

import io
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.frame import VideoFrame

from tests.stand_ins.model_files import make_package
from tests.stand_ins.videos import VideoSpec, brightness, make_video
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.frame_inference import FrameInference, pair_frames
from videoengine.segments import SampledFrame, select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

THRESHOLDS = Thresholds(confidence=0.01, iou=0.3)


class StubDetector:
    """Returns the frame's brightness; fails on chosen frames, before or during inference."""

    concurrency = 2

    def __init__(self, fails_on_start: int = -1, fails_on_finish: int = -1, value: float | None = None) -> None:
        self.started = 0
        self._fails_on_start, self._fails_on_finish, self._value = fails_on_start, fails_on_finish, value

    def start(self, frame: VideoFrame, thresholds: Thresholds) -> Callable[[], float]:
        number, self.started = self.started, self.started + 1
        if number == self._fails_on_start:
            raise ValueError("not this frame")
        level = self._value if self._value is not None else round(brightness(frame))

        def finish() -> float:
            if number == self._fails_on_finish:
                raise RuntimeError("the network gave up")
            return level

        return finish


def infer(detectors: dict[str, Any], infer_fps: int = 8) -> tuple[dict[str, list[Any]], list[str]]:
    """Each model's elements, and the reported failures."""
    failures: list[str] = []
    inference = FrameInference(
        {name: (detector, THRESHOLDS) for name, detector in detectors.items()},
        lambda model_id, error: failures.append(f"{model_id}: {error}"),
    )
    video = make_video(VideoSpec())
    with open_video(io.BytesIO(video)) as container:
        frames = select_frames(read_timeline(container), Fraction(infer_fps))
    with open_video(io.BytesIO(video)) as container:
        elements = list(inference.infer(container, frames))
    return {name: [json.loads(element[name]) for element in elements] for name in detectors}, failures


def test_elements_are_in_the_order_of_the_frames() -> None:
    found, failures = infer({"one": StubDetector(), "other": StubDetector()})
    expected = [20 + 2 * index for index in range(0, 60, 3)]
    assert found == {name: pytest.approx(expected, abs=2) for name in ("one", "other")}
    assert failures == []


def test_a_compiled_model_gives_the_same_result_for_many_frames_at_once_as_for_one(tmp_path: Path) -> None:
    for name, content in make_package().items():
        (tmp_path / name).write_bytes(content)
    together, _ = infer({"model": Detector(tmp_path)}, infer_fps=24)
    detector = Detector(tmp_path)
    with open_video(io.BytesIO(make_video(VideoSpec()))) as container:
        alone = [detector.detect(frame, THRESHOLDS) for frame in container.decode(video=0)]
    for element in (*together["model"], *alone):
        assert element.pop("time") >= 0
    assert together["model"] == alone
    assert len({prediction["confidence"] for element in alone for prediction in element["predictions"]}) > 30


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (StubDetector(fails_on_start=3), "bad: not this frame"),
        (StubDetector(fails_on_finish=3), "bad: the network gave up"),
    ],
)
def test_a_failure_costs_one_element_of_one_model(failing: StubDetector, words: str) -> None:
    found, failures = infer({"good": StubDetector(), "bad": failing})
    assert [index for index, element in enumerate(found["bad"]) if element is None] == [3]
    assert None not in found["good"]
    assert failures == [words]


def test_a_number_that_json_cannot_express_is_a_failure() -> None:
    found, failures = infer({"model": StubDetector(value=float("inf"))})
    assert found == {"model": [None] * 20}
    assert len(failures) == 20


def test_damaged_frames_are_gaps_and_repeated_ones_are_inferred_once() -> None:
    frames = [SampledFrame(index, 0.0, timestamp, 0) for index, timestamp in enumerate([0, 10, 20, 20, 30])]
    picture = av.VideoFrame(2, 2)

    def read() -> Iterator[tuple[int, VideoFrame]]:
        yield from ((timestamp, picture) for timestamp in (0, 20))

    counts = [(len(samples), shown) for samples, shown in pair_frames(frames, read())]
    assert counts == [(1, picture), (1, None), (2, picture), (1, None)]
