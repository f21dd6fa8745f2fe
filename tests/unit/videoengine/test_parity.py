"""The engine finds what Roboflow's own runner finds with the same model package in the same frames."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from tests.boxes import Box, count_matches
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.frames import read_frames
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

DATA = Path(__file__).parents[4] / "shared" / "data"
PACKAGE = DATA / "models" / "yolov5n-coco" / "1"

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason=f"needs the shared test data in {DATA}")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(PACKAGE)


# Few frames, to save time. All frames of bottle-detection at infer_fps 5 agree as well.
@pytest.mark.slow
@pytest.mark.parametrize(("video", "every"), [("bottle-detection.mp4", 25), ("sign-language-bird.mkv", 1)])
def test_boxes_are_those_of_roboflow_s_runner(video: str, every: int, detector: Detector) -> None:
    reference = json.loads((DATA / "reference" / video).with_suffix(".json").read_text())
    boxes = matched = extra = 0
    for frame_offset, found in detect(DATA / "videos" / video, every, detector):
        expected = reference["frames"][str(frame_offset)]
        hits = count_matches(expected, found, iou=0.9, confidence=0.05)
        boxes, matched, extra = boxes + len(expected), matched + hits, extra + len(found) - hits
    assert boxes >= 20
    assert matched >= 0.98 * boxes
    assert extra <= 0.02 * boxes


def detect(video: Path, every: int, detector: Detector) -> Iterator[tuple[int, list[Box]]]:
    """Yields frame offset and predictions of every `every`th frame that infer_fps 5 samples."""
    with open_video(str(video)) as container:
        timeline = read_timeline(container)
    frames = select_frames(timeline, Fraction(5))[::every]
    offsets = {frame.timestamp: frame.frame_offset for frame in frames}
    with open_video(str(video)) as container:
        for timestamp, picture in read_frames(container, frames):
            element = detector.detect(picture, Thresholds(0.4, 0.3))
            yield offsets[timestamp], element["predictions"]
