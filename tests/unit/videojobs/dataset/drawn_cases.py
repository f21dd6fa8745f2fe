"""Objects in sampled frames, and the frames that a dataset gets of them."""

from collections.abc import Sequence
from typing import Any

from tests.frames import make_frames
from videojobs.dataset.selection import open_selection
from videojobs.jobs.dataset_frames import parse_dataset_frames
from videojobs.jobs.options import Model, Options
from videojobs.results.analysis import Analysis, analyze

FPS = 5
STEP = 6
"""Sampled frames a second, and frames of the video from one to the next."""


def make_box(number: int, confidence: float | None = 1.0, name: str = "car", x: float = 20.0) -> dict[str, Any]:
    """A box of the tracked object `number`."""
    box = {"class": name, "x": x, "y": 100.0 * number, "width": 10.0, "height": 10.0, "tracker_id": number}
    return box if confidence is None else {**box, "confidence": confidence}


def make_options(frames: str, models: Sequence[str] = ("m",), **more: Any) -> Options:
    entries = tuple(Model(model, "1", "object-detection") for model in models)
    return Options(entries, FPS, "presigned", dataset_frames=parse_dataset_frames(frames), **more)


def choose(frames: str, *boxes: Sequence[dict[str, Any]], batch: int = 7, **more: Any) -> list[int]:
    """The numbers of the chosen frames among the sampled ones, of the objects in each sampled frame."""
    return choose_of_models(frames, {"m": boxes}, batch=batch, **more)


def choose_of_models(
    frames: str, models: dict[str, Sequence[Sequence[dict[str, Any]]]], *, batch: int = 7, **more: Any
) -> list[int]:
    options = make_options(frames, list(models), **more)
    batches = [
        make_frames(
            model_id,
            [{"predictions": list(found), "image": {"width": 100, "height": 1000}} for found in taken],
            [STEP * number for number in range(first, first + len(taken))],
            [number / FPS for number in range(first, first + len(taken))],
            first,
        )
        for model_id, boxes in models.items()
        for first in range(0, len(boxes), batch)
        for taken in [boxes[first : first + batch]]
    ]
    selection = open_selection(options)
    for some in analyze(batches, Analysis.of(options)):
        selection.add(some)
    selection.finish()
    assert list(selection.chosen) == sorted(set(selection.chosen))
    return [offset // STEP for offset in selection.chosen]


SURE = [make_box(1)]
