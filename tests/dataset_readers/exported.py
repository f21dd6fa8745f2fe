"""Datasets to read, with what is in them according to the results."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.stand_ins.videos import VideoSpec, make_video
from videoinfer.main import app
from videojobs.results.analysis import Analysis
from videojobs.results.samples import read_samples

RATE, FRAMES = Fraction(24), 24
WIDTH, HEIGHT = 320, 240


@dataclass(frozen=True)
class Exported:
    """A dataset on this machine.

    Attributes:
        expected: What readers should count: `images`, `labels` by class, `tracks`, `masks`, `keypoints`.
    """

    name: str
    folder: Path
    expected: Mapping[str, Any]


def export(name: str, results: Path, video: Path, folder: Path, *options: str) -> Exported:
    """Writes a dataset with `videoinfer export`, and counts what the results have for its frames."""
    result = CliRunner().invoke(app, ["export", str(results), str(video), *options, "-o", str(folder)])
    assert result.exit_code == 0, result.output
    frames = list_frames(folder)
    expected = {**count_results(json.loads(results.read_bytes()), frames), "tracks": count_tracks(results, frames)}
    return Exported(name, folder, expected)


def list_frames(folder: Path) -> set[int]:
    """The numbers of the dataset's frames, which their pictures have as names."""
    return {int(path.stem) for path in (folder / "images" / "train").iterdir()}


def count_results(results: Mapping[str, Any], frames: set[int]) -> Mapping[str, Any]:
    """Counts the predictions of some frames, in the API's own format."""
    predictions = [
        prediction
        for model_id, elements in results.items()
        if model_id not in ("frame_offset", "time_offset")
        for offset, element in zip(results["frame_offset"], elements, strict=True)
        if offset in frames
        for prediction in element["predictions"]
    ]
    return {
        "images": len(frames),
        "labels": dict(sorted(Counter(one["class"] for one in predictions).items())),
        "masks": sum("points" in one for one in predictions),
        "keypoints": sum(len(one.get("keypoints", [])) for one in predictions),
    }


def count_tracks(results: Path, frames: set[int]) -> int:
    """Counts the tracks of some frames, as the project's own analysis gives them to all outputs.

    One that has two classes counts twice, because a track of CVAT has one class.
    """
    model_ids = [name for name in json.loads(results.read_bytes()) if name not in ("frame_offset", "time_offset")]
    return len(
        {
            (element.model_id, name, track_id)
            for sample in read_samples(results, model_ids, Analysis(track=True))
            if sample.frame_offset in frames
            for element in sample.elements
            for name, track_id in zip(element.predictions.columns["class"], element.track_ids or (), strict=True)
            if track_id is not None
        }
    )


def make_box(frame: int, number: int) -> dict[str, Any]:
    """One of three objects, which move, and the second of which is hidden now and then."""
    x, y = 60.0 + 90 * number + frame, 60.0 + 40 * number
    name = ("Rock", "Paper", "名前 & <b> 'x': \"y\"")[number]
    box = {"x": x, "y": y, "width": 40.0, "height": 30.0, "confidence": 0.5 + frame / 100}
    return {**box, "class": name, "class_id": number, "tracker_id": number + 1}


def make_mask(frame: int, number: int) -> dict[str, Any]:
    box = make_box(frame, number)
    x, y = box["x"], box["y"]
    corners = [(x - 20, y - 15), (x + 20, y - 15), (x + 20, y + 15), (x, y + 5), (x - 20, y + 15)]
    return {**box, "points": [{"x": corner_x, "y": corner_y} for corner_x, corner_y in corners]}


def make_pose(frame: int, number: int) -> dict[str, Any]:
    """An object with three key points, the last of which is not seen now and then."""
    box = make_box(frame, number)
    names = ("nose", "left paw", "tail")[: 2 + frame % 2]
    points = [
        {"x": box["x"] + 4 * place, "y": box["y"] - 3 * place, "confidence": 0.9, "class_id": place, "class": name}
        for place, name in enumerate(names)
    ]
    return {**box, "keypoints": points}


MAKERS: Mapping[str, Callable[[int, int], dict[str, Any]]] = {"boxes": make_box, "masks": make_mask, "poses": make_pose}
"""The kinds of datasets that are made here."""


def export_made(kind: str, folder: Path, *options: str) -> Exported:
    """Makes a video and results of a kind, and writes their dataset to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    video, results = folder / "video.mp4", folder / "results.json"
    video.write_bytes(make_video(VideoSpec(width=WIDTH, height=HEIGHT, frames=FRAMES, rate=RATE)))
    # Every frame but the last has the first object; the third one comes late.
    numbers: Sequence[Sequence[int]] = [
        [0, *([1] if frame % 5 else []), *([2] if frame > 9 else [])] if frame < FRAMES - 1 else []
        for frame in range(FRAMES)
    ]
    picture = {"width": WIDTH, "height": HEIGHT}
    elements = [
        {"image": picture, "predictions": [MAKERS[kind](frame, number) for number in seen]}
        for frame, seen in enumerate(numbers)
    ]
    times = [round(float(frame / RATE), 4) for frame in range(FRAMES)]
    results.write_text(json.dumps({"frame_offset": list(range(FRAMES)), "time_offset": times, kind: elements}))
    return export(f"{kind} of {FRAMES} frames", results, video, folder / "dataset", *options)
