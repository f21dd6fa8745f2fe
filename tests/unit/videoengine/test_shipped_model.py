"""The shipped model, measured on the sample clip, which was not in its training data."""

import json
from collections.abc import Iterator

import av
import pytest
from av.video.frame import VideoFrame

from engine.training.draw_clip import draw_frame
from tests.boxes import Box, count_matches, measure_iou
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoinfer.repository import ROOT

PACKAGE = ROOT / "engine" / "models" / "rock-paper-scissors-presentation" / "4"
CLIP = ROOT / "samples" / "rock-paper-scissors.mp4"
CONFIDENCE, IOU_THRESHOLD, MATCHING_IOU = 0.4, 0.3, 0.5


@pytest.fixture(scope="module")
def truth() -> dict[int, list[Box]]:
    frames: dict[str, list[Box]] = json.loads(CLIP.with_suffix(".json").read_text())["frames"]
    return {int(index): boxes for index, boxes in frames.items()}


@pytest.mark.slow
def test_precision_and_recall_on_the_sample_clip(truth: dict[int, list[Box]]) -> None:
    detector = Detector(PACKAGE)
    found = matched = 0
    for index, frame in enumerate(decode_clip()):
        predictions = detector.detect(frame, Thresholds(CONFIDENCE, IOU_THRESHOLD))["predictions"]
        found += len(predictions)
        matched += count_matches(truth[index], predictions, iou=MATCHING_IOU)
    assert matched / found >= 0.9, "precision"
    assert matched / sum(map(len, truth.values())) >= 0.9, "recall"


def test_weights_take_at_most_2_mb() -> None:
    assert (PACKAGE / "weights.onnx").stat().st_size <= 2_000_000


def test_clip_is_ten_seconds_of_h264() -> None:
    with av.open(str(CLIP)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, float(stream.average_rate or 0)) == (640, 360, 30.0)
    assert CLIP.stat().st_size <= 1_500_000


def test_truth_covers_every_frame_and_only_known_classes(truth: dict[int, list[Box]]) -> None:
    assert list(truth) == list(range(sum(1 for _ in decode_clip()))) == list(range(300))
    names = (PACKAGE / "class_names.txt").read_text().splitlines()
    boxes = [box for boxes in truth.values() for box in boxes]
    assert {box["class"] for box in boxes} == set(names)
    assert all(names[box["class_id"]] == box["class"] for box in boxes)


@pytest.mark.slow
def test_committed_truth_is_what_the_drawing_gives(truth: dict[int, list[Box]]) -> None:
    _, drawn = draw_frame(150)
    assert [box["class"] for box in drawn] == [box["class"] for box in truth[150]]
    for ours, committed in zip(drawn, truth[150], strict=True):
        assert measure_iou(ours, committed) > 0.9


def decode_clip() -> Iterator[VideoFrame]:
    with av.open(str(CLIP)) as container:
        yield from container.decode(video=0)
