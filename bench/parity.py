"""Compares the engine's predictions with those of Roboflow's own runner for the same model packages.

    .venv/bin/python -m bench.parity [--package DIR --references DIR --video FILE…]

The first table has every model family and type, with random weights and every resize mode. The runner's predictions are
in `tests/unit/videoengine/runner_answers.json`. The second table, if there are a package, videos and the runner's
predictions for them, has a real model on real videos, in each precision.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from rich.console import Console
from rich.table import Table

from tests.boxes import Box, match_boxes
from tests.stand_ins.random_models import make_random_packages
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.frames import read_frames
from videoengine.precision import Precision
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.repository import ROOT

ANSWERS = ROOT / "tests/unit/videoengine/runner_answers.json"
WIDTH, HEIGHT = 200, 150
THRESHOLDS = Thresholds(0.4, 0.3)
IOU, CONFIDENCE = 0.9, 0.05
"""Two predictions match with at least this IoU and at most this difference of confidence."""

HEADINGS = ("runner found", "matched", "missed", "extra", "largest box difference", "largest confidence difference")


@dataclass
class Comparison:
    """Numbers of predictions, and the largest differences of matched predictions: `box` in pixels, and `confidence`."""

    expected: int = 0
    matched: int = 0
    extra: int = 0
    box: float = 0.0
    confidence: float = 0.0

    def add(self, expected: Sequence[Box], found: Sequence[Box]) -> None:
        """Adds one frame."""
        partners = match_boxes(expected, found, iou=IOU, confidence=CONFIDENCE)
        self.expected += len(expected)
        self.matched += len(partners)
        self.extra += len(found) - len(partners)
        for one, other in partners:
            self.box = max(self.box, *(abs(a - b) for a, b in zip(_corners(one), _corners(other), strict=True)))
            self.confidence = max(self.confidence, abs(one["confidence"] - other["confidence"]))

    def add_labels(self, expected: Sequence[float], found: Sequence[float]) -> None:
        """Adds the confidences of one frame's classes, both in the order of the classes."""
        self.expected += len(expected)
        self.matched += sum(abs(a - b) <= CONFIDENCE for a, b in zip(expected, found, strict=True))
        self.confidence = max(self.confidence, *(abs(a - b) for a, b in zip(expected, found, strict=True)))

    def describe(self) -> list[str]:
        """The cells of a row under `HEADINGS`."""
        share = f" ({self.matched / self.expected:.1%})" if self.expected else ""
        extra = f" ({self.extra / self.expected:.1%})" if self.expected else ""
        return [
            str(self.expected),
            f"{self.matched}{share}",
            str(self.expected - self.matched),
            f"{self.extra}{extra}",
            f"{self.box:.2f} px" if self.box else "-",
            f"{self.confidence:.4f}",
        ]


def compare_families() -> Iterator[tuple[str, Comparison]]:
    """The comparison of each family and type, over all of its resize modes."""
    comparisons = defaultdict[str, Comparison](Comparison)
    answers: dict[str, dict[str, Any]] = json.loads(ANSWERS.read_text())
    for name, files in make_random_packages().items():
        if name not in answers:
            continue
        comparison = comparisons[name.rpartition(" ")[0]]
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                Path(folder, file).write_bytes(content)
            black = VideoFrame.from_ndarray(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), format="rgb24")
            element: dict[str, Any] = Detector(Path(folder)).detect(black, THRESHOLDS)
        expected, predictions = answers[name], element["predictions"]
        if "confidences" in expected:
            labels = predictions.values() if isinstance(predictions, dict) else predictions
            in_order = sorted(labels, key=lambda label: label["class_id"])
            comparison.add_labels(expected["confidences"], [label["confidence"] for label in in_order])
        else:
            comparison.add(_describe_answer(expected), [{**box, "class": box["class_id"]} for box in predictions])
    yield from sorted(comparisons.items())


def _describe_answer(answer: dict[str, Any]) -> list[Box]:
    corners = zip(answer["xyxy"], answer["class_id"], answer["confidence"], strict=True)
    return [
        {
            "x": (left + right) / 2,
            "y": (top + bottom) / 2,
            "width": right - left,
            "height": bottom - top,
            "class": number,
            "confidence": confidence,
        }
        for (left, top, right, bottom), number, confidence in corners
    ]


def _corners(box: Box) -> tuple[float, float, float, float]:
    across, down = box["width"] / 2, box["height"] / 2
    return box["x"] - across, box["y"] - down, box["x"] + across, box["y"] + down


def compare_video(package: Path, video: Path, reference: Path, precision: Precision) -> Comparison:
    """Compares all frames that are sampled at 5 frames a second and are in the reference.

    Args:
        reference: The runner's predictions: `{"frames": {frame_offset: [prediction, …]}}`.
    """
    expected = json.loads(reference.read_text())["frames"]
    comparison, detector = Comparison(), Detector(package, precision)
    with open_video(str(video)) as container:
        timeline = read_timeline(container)
    frames = [frame for frame in select_frames(timeline, Fraction(5)) if str(frame.frame_offset) in expected]
    offsets = {frame.timestamp: frame.frame_offset for frame in frames}
    with open_video(str(video)) as container:
        for timestamp, picture in read_frames(container, frames):
            found = detector.detect(picture, THRESHOLDS)["predictions"]
            comparison.add(expected[str(offsets[timestamp])], found)
    return comparison


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Compares the engine with Roboflow's runner.")
    parser.add_argument("--package", type=Path, help="a model package")
    parser.add_argument("--video", type=Path, action="append", default=[], help="a video; may be given several times")
    parser.add_argument(
        "--references", type=Path, help="the folder with the runner's predictions, one JSON file for each video"
    )
    arguments = parser.parse_args()
    for video in arguments.video if arguments.references else ():
        if not (arguments.references / f"{video.stem}.json").exists():
            parser.error(f"{arguments.references} has no {video.stem}.json, the runner's predictions for {video}")
    console = Console()
    families = Table("family and type", *HEADINGS, title="Random weights, every resize mode")
    for name, comparison in compare_families():
        families.add_row(name, *comparison.describe())
    console.print(families)
    if arguments.package and arguments.references:
        videos = Table("video", "precision", *HEADINGS, title=f"{arguments.package.parent.name} at 5 frames a second")
        for video in arguments.video:
            for precision in Precision:
                reference = arguments.references / f"{video.stem}.json"
                comparison = compare_video(arguments.package, video, reference, precision)
                videos.add_row(video.name, precision, *comparison.describe())
        console.print(videos)


if __name__ == "__main__":
    main()
