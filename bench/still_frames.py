"""Measures what `still_frames` `reuse` saves on still and moving videos, and which detections it changes.

    .venv/bin/python -m bench.still_frames [--data ../shared/data] [--infer-fps 5]

Each video is inferred twice, with every sampled frame and with reuse. Detections of the first run are expected in the
second one: in the same frame, of the same class, with an IoU of at least 0.5. The last columns ask for 0.9.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.moving_pictures import write_video
from bench.still_scenes import SCENES, Source, write_scene
from tests.boxes import count_matches
from videoengine.detections import Thresholds
from videoengine.detector import Detector
from videoengine.frame_inference import FrameInference
from videoengine.frame_reuse import REPEATED_FROM
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.repository import ROOT, SAMPLE_MODEL

THRESHOLDS = Thresholds(0.4, 0.3)
IOUS = 0.5, 0.9
SAMPLE = ROOT / "samples/rock-paper-scissors.mp4"
HANDS = Source(SAMPLE, still_seconds=2.5, event_seconds=3.2, box=(0.1, 0.35, 0.4, 0.75))


@dataclass(frozen=True)
class Clip:
    """A video, and the model for it."""

    name: str
    video: Path
    package: Path


@dataclass(frozen=True)
class Run:
    """One inference of a video."""

    elements: list[dict[str, Any]]
    cpu_seconds: float


def list_clips(data: Path, folder: Path, console: Console) -> Iterator[Clip]:
    """The sample clip, those of the shared data, and scenes with a fixed camera, which are written if missing."""
    hands, coco = SAMPLE_MODEL, data / "models/yolov5n-coco/1"
    moving = folder / "moving.mp4"
    if not moving.exists():
        write_video(moving, 1280, 720, 25, 250, 20)
    yield Clip(SAMPLE.name, SAMPLE, hands)
    sources = {"hands": (HANDS, hands)}
    if coco.exists():
        yield from (Clip(video.name, video, coco) for video in sorted((data / "videos").iterdir()))
        yield Clip("moving pictures", moving, coco)
        bottles = Source(data / "videos/bottle-detection.mp4", 2, 10.8, box=(0.42, 0.28, 0.55, 0.88))
        sources["bottles"] = bottles, coco
    else:
        console.print(f"{data} is missing, so there are only the shipped model and videos that the project draws.")
    for title, (source, package) in sources.items():
        for name, scene in SCENES.items():
            video = folder / f"{title}-{name.replace(' ', '-').replace(',', '')}.mp4"
            if not video.exists():
                with console.status(f"Making {video.name}"):
                    write_scene(scene, source, video)
            yield Clip(f"{title}: {name}", video, package)


@cache
def load_detector(package: Path) -> Detector:
    """Loads a model once."""
    return Detector(package)


def infer(clip: Clip, infer_fps: Fraction, *, reuse: bool) -> Run:
    """Infers a video in one segment."""

    def fail(_: str, error: Exception) -> None:
        raise error

    detectors = {"model": (load_detector(clip.package), THRESHOLDS)}
    with open_video(str(clip.video)) as container:
        frames = select_frames(read_timeline(container), infer_fps)
    started = time.process_time()
    with open_video(str(clip.video)) as container:
        inference = FrameInference(detectors, fail, detectors if reuse else ())
        elements = [json.loads(found["model"]) for found in inference.infer(container, frames)]
    return Run(elements, time.process_time() - started)


def compare(all_inferred: Run, reused: Run, iou: float) -> list[str]:
    """The shares of detections that reuse also finds, and that only reuse finds, of those when each is inferred."""
    pairs = [
        (one["predictions"], other["predictions"])
        for one, other in zip(all_inferred.elements, reused.elements, strict=True)
    ]
    expected, found = sum(len(one) for one, _ in pairs), sum(len(other) for _, other in pairs)
    matched = sum(count_matches(one, other, iou=iou) for one, other in pairs)
    return [f"{count / expected:.1%}" if expected else "-" for count in (matched, found - matched)]


def main() -> None:
    """Prints a row for each clip."""
    parser = argparse.ArgumentParser(description="Measures the reuse of predictions on still footage.")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", help="the folder of the shared data")
    parser.add_argument("--folder", type=Path, default=ROOT / ".build/bench/still", help="the folder for videos")
    parser.add_argument("--infer-fps", type=Fraction, default=Fraction(5))
    parser.add_argument("--only", default="", help="a part of the names of the clips to measure")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=200)
    table = Table(
        *("clip", "samples", "inferred", "samples / inferred", "CPU s, all", "CPU s, reuse", "all / reuse"),
        *(f"{word} at {iou}" for iou in IOUS for word in ("found", "extra")),
        title=f"{arguments.infer_fps} frames a second",
        box=MARKDOWN,
    )
    for clip in list_clips(arguments.data, arguments.folder, console):
        if arguments.only not in clip.name:
            continue
        with console.status(clip.name):
            all_inferred, reused = (infer(clip, arguments.infer_fps, reuse=reuse) for reuse in (False, True))
        samples = len(reused.elements)
        inferred = sum(REPEATED_FROM not in element for element in reused.elements)
        seconds = all_inferred.cpu_seconds, reused.cpu_seconds
        table.add_row(
            *(clip.name, str(samples), str(inferred), f"{samples / inferred:.1f}"),
            *(f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{seconds[0] / seconds[1]:.1f}"),
            *(share for iou in IOUS for share in compare(all_inferred, reused, iou)),
        )
    console.print(table)


if __name__ == "__main__":
    main()
