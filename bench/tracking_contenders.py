"""The trackers that bench/tracking.py compares, used as in their documentation, and their scores.

It runs in the other trackers' environment, and needs only the tracker and bench/tracking_scenes.py of this project.
"""

import argparse
import contextlib
import io
import logging
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import norfair
import numpy as np
import supervision
from rich.console import Console
from trackeval.metrics import CLEAR, HOTA, Identity

from bench.tracking_scenes import DRAWN_SCENES, RATE, SCENES, Detection, DrawnFiles, Frame, watch_scene
from videojobs.results.tracks import Tracker

type Numbers = Sequence[int | None]
"""The track ID of each detection of a frame; None for a detection that the tracker leaves out."""

type Contender = Callable[[Sequence[Frame], int], Sequence[Numbers]]
"""Returns the track IDs for some frames, given the frames per second."""

SPEED_ROUNDS = 3

_say = Console(width=160, markup=False, highlight=False).print


def follow_ours(frames: Sequence[Frame], _: int) -> Sequence[Numbers]:
    tracker = Tracker()
    return [
        tracker.follow(
            frame.seconds, [(detection.name, detection.confidence, *detection.box) for detection in frame.detections]
        )
        for frame in frames
    ]


def make_supervision(**settings: Any) -> Contender:
    """Makes supervision's ByteTrack, which gets the frame rate and the boxes of all classes."""

    def follow(frames: Sequence[Frame], rate: int) -> Sequence[Numbers]:
        tracker = supervision.ByteTrack(frame_rate=rate, **settings)
        followed = []
        for frame in frames:
            count = len(frame.detections)
            found = supervision.Detections.empty()
            if count:
                found = supervision.Detections(
                    xyxy=_find_corners(frame.detections).reshape(count, 4),
                    confidence=np.array([detection.confidence for detection in frame.detections]),
                    class_id=np.zeros(count, int),
                    data={"place": np.arange(count)},
                )
            tracked = tracker.update_with_detections(found)
            numbers: list[int | None] = [None] * count
            if len(tracked):
                for place, number in zip(tracked.data["place"], tracked.tracker_id, strict=True):
                    numbers[place] = int(number)
            followed.append(numbers)
        return followed

    return follow


def make_norfair(seconds: float, **settings: Any) -> Contender:
    """Makes norfair, which keeps a track for `seconds` and starts one without a delay."""

    def follow(frames: Sequence[Frame], rate: int) -> Sequence[Numbers]:
        keep = max(2, round(seconds * rate))
        tracker = norfair.Tracker(hit_counter_max=keep, initialization_delay=0, **settings)
        followed = []
        for time_number, frame in enumerate(frames):
            corners = _find_corners(frame.detections)
            found = [
                norfair.Detection(points=points, scores=np.full(2, one.confidence), data=(time_number, place))
                for place, (one, points) in enumerate(zip(frame.detections, corners, strict=True))
            ]
            numbers: list[int | None] = [None] * len(found)
            for track in tracker.update(found):
                seen, place = track.last_detection.data
                if seen == time_number:
                    numbers[place] = track.id
            followed.append(numbers)
        return followed

    return follow


CONTENDERS: Mapping[str, Contender] = {
    "videoinfer": follow_ours,
    "supervision ByteTrack": make_supervision(),
    "supervision, all may begin": make_supervision(track_activation_threshold=0.3, minimum_matching_threshold=0.9),
    "supervision, kept for 3 s": make_supervision(track_activation_threshold=0.3, lost_track_buffer=90),
    "norfair, IoU": make_norfair(1, distance_function="iou", distance_threshold=0.7),
    "norfair, any overlap": make_norfair(1, distance_function="iou", distance_threshold=0.95),
    "norfair, 100 pixels": make_norfair(1, distance_function="mean_euclidean", distance_threshold=100),
    "norfair, 200 pixels": make_norfair(1, distance_function="mean_euclidean", distance_threshold=200),
    "norfair, 300 pixels, 3 s": make_norfair(3, distance_function="mean_euclidean", distance_threshold=300),
}


def score(frames: Sequence[Frame], followed: Sequence[Numbers]) -> Sequence[float]:
    """Returns HOTA, AssA, DetA, IDF1 (percent) and identity switches."""
    identities: dict[int, int] = {}
    tracks: dict[int, int] = {}
    true_ids, found_ids, overlaps = [], [], []
    for frame, numbers in zip(frames, followed, strict=True):
        true_ids.append(np.array([identities.setdefault(name, len(identities)) for name in frame.truth], int))
        kept = [(one, number) for one, number in zip(frame.detections, numbers, strict=True) if number is not None]
        found_ids.append(np.array([tracks.setdefault(number, len(tracks)) for _, number in kept], int))
        overlaps.append(_measure_overlaps(list(frame.truth.values()), [one.box for one, _ in kept]))
    data = {
        "gt_ids": true_ids,
        "tracker_ids": found_ids,
        "similarity_scores": overlaps,
        "num_gt_ids": len(identities),
        "num_tracker_ids": len(tracks),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, found_ids)),
        "num_timesteps": len(frames),
    }
    with contextlib.redirect_stdout(io.StringIO()):
        hota, identity, clear = (metric().eval_sequence(data) for metric in (HOTA, Identity, CLEAR))
    shares = (*(np.mean(hota[name]) for name in ("HOTA", "AssA", "DetA")), identity["IDF1"])
    return [*(100 * float(share) for share in shares), float(clear["IDSW"])]


@cache
def _watch(name: str, seed: int, drawn: Path | None) -> Sequence[Frame]:
    return DrawnFiles.locate(drawn, name, seed).read() if drawn else watch_scene(name, seed)


def compare(rate: int, seeds: Sequence[int], drawn: Path | None) -> None:
    """Prints one row per tracker.

    Args:
        drawn: The folder of the clips, if the detections are those of a model on drawn clips.
    """
    names = DRAWN_SCENES if drawn else tuple(SCENES)
    _say(f"\n{rate} frames a second{'':13}HOTA   AssA   DetA   IDF1  switches  HOTA of {', '.join(names)}")
    for name, follow in CONTENDERS.items():
        rows = []
        for scene in names:
            for seed in seeds:
                frames = _watch(scene, seed, drawn)[:: RATE // rate]
                rows.append(score(frames, follow(frames, rate)))
        means = np.mean(rows, axis=0)
        scenes = np.array(rows)[:, 0].reshape(len(names), -1).mean(axis=1)
        figures = "".join(f"{figure:7.1f}" for figure in means[:-1])
        _say(f"{name:30}{figures}{means[-1]:10.1f}  {' '.join(f'{one:3.0f}' for one in scenes)}")


def measure_speed(objects: int) -> None:
    """Prints the microseconds of processor time per box with default settings, the minimum of several rounds."""
    chance = random.Random(objects)  # noqa: S311  reproducible
    frames = [_make_frame(number, objects, chance) for number in range(max(20, 3000 // objects))]
    texts = []
    for name in ("videoinfer", "supervision ByteTrack", "norfair, IoU"):
        times = []
        for _ in range(SPEED_ROUNDS):
            start = time.process_time()
            CONTENDERS[name](frames, 5)
            times.append(time.process_time() - start)
        texts.append(f"{name} {1e6 * min(times) / (objects * len(frames)):.1f}")
    _say(f"µs a box at {objects:3} a frame: {', '.join(texts)}")


def _make_frame(number: int, objects: int, chance: random.Random) -> Frame:
    """Makes objects in rows that all move to the right, and start again at the left."""
    found = []
    for one in range(objects):
        x = (60 + 173 * one + 4 * number) % 1920 + chance.gauss(0, 1)
        y = 60 + 100 * (one * 173 // 1920) % 1000 + chance.gauss(0, 1)
        found.append(Detection(one, "person", chance.uniform(0.5, 1), (x, y, 60.0, 80.0)))
    return Frame(number / 5, {}, found)


def _find_corners(detections: Sequence[Detection]) -> Any:
    """Returns an array n x 2 x 2: left and top, right and bottom."""
    boxes = np.array([detection.box for detection in detections], float).reshape(-1, 4)
    centers, halves = boxes[:, :2], boxes[:, 2:] / 2
    return np.stack([centers - halves, centers + halves], axis=1)


def _measure_overlaps(truth: Sequence[Any], found: Sequence[Any]) -> Any:
    """Returns the IoU of each true box (rows) with each detected one (columns)."""
    one, other = (np.array(boxes, float).reshape(-1, 4) for boxes in (truth, found))
    lows = np.maximum((one[:, :2] - one[:, 2:] / 2)[:, None], other[:, :2] - other[:, 2:] / 2)
    highs = np.minimum((one[:, :2] + one[:, 2:] / 2)[:, None], other[:, :2] + other[:, 2:] / 2)
    shared = np.clip(highs - lows, 0, None).prod(axis=2)
    return shared / (one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1) - shared)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rates", type=int, nargs="*")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--drawn", type=Path)
    parser.add_argument("--no-speed", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # supervision's ByteTrack is moving to another package
    logging.disable()
    for rate in arguments.rates:
        compare(rate, arguments.seeds, arguments.drawn)
    for objects in () if arguments.no_speed else (1, 10, 100):
        measure_speed(objects)


if __name__ == "__main__":
    main()
