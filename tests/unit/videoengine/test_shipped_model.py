"""The model that comes with the engine, measured on the sample clip, which it was not trained on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.frame import VideoFrame

from engine.training.draw_clip import draw_frame
from videoengine.detector import Detector

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "engine" / "models" / "rock-paper-scissors-presentation" / "4"
CLIP = ROOT / "samples" / "rock-paper-scissors.mp4"
CONFIDENCE, IOU_THRESHOLD, MATCHING_IOU = 0.4, 0.3, 0.5

Box = dict[str, Any]


@pytest.fixture(scope="module")
def truth() -> dict[int, list[Box]]:
    frames: dict[str, list[Box]] = json.loads(CLIP.with_suffix(".json").read_text())["frames"]
    return {int(index): boxes for index, boxes in frames.items()}


def test_precision_and_recall_on_the_sample_clip(truth: dict[int, list[Box]]) -> None:
    detector = Detector(PACKAGE)
    found = matched = 0
    for index, frame in enumerate(decode_clip()):
        predictions = detector.detect(frame, CONFIDENCE, IOU_THRESHOLD)["predictions"]
        found += len(predictions)
        matched += count_matches(predictions, truth[index])
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


def test_committed_truth_is_what_the_drawing_gives(truth: dict[int, list[Box]]) -> None:
    _, drawn = draw_frame(150)
    assert [box["class"] for box in drawn] == [box["class"] for box in truth[150]]
    for ours, committed in zip(drawn, truth[150], strict=True):
        assert iou(ours, committed) > 0.9


@pytest.mark.parametrize(
    ("predictions", "matches"),
    [
        ([], 0),
        ([("Rock", 50, 50)], 1),
        ([("Rock", 55, 50)], 1),
        ([("Rock", 65, 50)], 0),
        ([("Paper", 50, 50)], 0),
        ([("Rock", 50, 50), ("Rock", 51, 50)], 1),
    ],
    ids=["nothing", "exact", "a little off", "too far off", "another class", "twice"],
)
def test_count_matches(predictions: list[tuple[str, float, float]], matches: int) -> None:
    truth = [{"class": "Rock", "x": 50, "y": 50, "width": 40, "height": 40}]
    boxes = [{"class": name, "x": x, "y": y, "width": 40, "height": 40} for name, x, y in predictions]
    assert count_matches(boxes, truth) == matches


def count_matches(predictions: list[Box], truth: list[Box]) -> int:
    """Predictions with a true box of their class at IoU 0.5 or more; each true box counts once."""
    left = list(truth)
    for prediction in predictions:
        same_class = [box for box in left if box["class"] == prediction["class"]]
        best = max(same_class, key=lambda box: iou(prediction, box), default=None)
        if best is not None and iou(prediction, best) >= MATCHING_IOU:
            left.remove(best)
    return len(truth) - len(left)


def iou(first: Box, second: Box) -> float:
    across, down = overlap(first, second, "x", "width"), overlap(first, second, "y", "height")
    areas: float = first["width"] * first["height"] + second["width"] * second["height"]
    return across * down / (areas - across * down)


def overlap(first: Box, second: Box, centre: str, side: str) -> float:
    ends: float = min(box[centre] + box[side] / 2 for box in (first, second))
    starts: float = max(box[centre] - box[side] / 2 for box in (first, second))
    return max(0.0, ends - starts)


def decode_clip() -> Iterator[VideoFrame]:
    with av.open(str(CLIP)) as container:
        yield from container.decode(video=0)
