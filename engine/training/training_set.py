"""The training set: pictures are drawn once, cached in a file, and augmented each time they are used."""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.training.draw_hands import Picture, draw_picture
from engine.training.hand_poses import Array

WIDTH, HEIGHT = 320, 192
MAX_HANDS = 3
_PADDING_VALUE = 114


@dataclass(frozen=True)
class TrainingSet:
    """n pictures and their hands.

    Attributes:
        images: n x h x w x 3, RGB.
        boxes: n x MAX_HANDS x 4, x1 y1 x2 y2 in pixels.
        class_ids: n x MAX_HANDS, -1 for no hand.
    """

    images: npt.NDArray[np.uint8]
    boxes: Array
    class_ids: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


def load_or_draw(path: Path, count: int, seed: int, processes: int) -> TrainingSet:
    """Loads the set from a file. If the file is missing or has another set, draws the set and writes the file."""
    if path.exists():
        with np.load(path) as stored:
            if stored["origin"].tolist() == [count, seed]:
                return TrainingSet(stored["images"], stored["boxes"], stored["class_ids"])
    drawn = draw_set(count, seed, processes)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=drawn.images, boxes=drawn.boxes, class_ids=drawn.class_ids, origin=np.array([count, seed]))
    return drawn


def draw_set(count: int, seed: int, processes: int) -> TrainingSet:
    """Draws a set. Picture i depends only on i and the seed, not on the number of processes."""
    with multiprocessing.Pool(processes) as pool:
        pictures = pool.map(_draw_one, [(seed, i) for i in range(count)], chunksize=32)
    boxes = np.zeros((count, MAX_HANDS, 4), np.float32)
    class_ids = np.full((count, MAX_HANDS), -1, np.int64)
    for i, picture in enumerate(pictures):
        boxes[i, : len(picture.boxes)] = picture.boxes
        class_ids[i, : len(picture.boxes)] = picture.class_ids
    return TrainingSet(np.stack([picture.image for picture in pictures]), boxes, class_ids)


def vary(batch: TrainingSet, rng: np.random.Generator) -> TrainingSet:
    """Augments pictures: mirrored, upside down, with other colors, and with the margins of a letterbox."""
    images, boxes = batch.images.astype(np.float32), batch.boxes.copy()
    for i in range(len(batch)):
        if rng.random() < 0.5:
            images[i] = images[i, :, ::-1]
            boxes[i][:, [0, 2]] = WIDTH - boxes[i][:, [2, 0]]
        if rng.random() < 0.5:
            images[i] = images[i, ::-1]
            boxes[i][:, [1, 3]] = HEIGHT - boxes[i][:, [3, 1]]
        images[i] = images[i] * rng.uniform(0.85, 1.15, 3) + rng.uniform(-15, 15)
        if rng.random() < 0.4:
            _add_bar(images[i], boxes[i], int(rng.integers(1, 48)), at_top=bool(rng.random() < 0.5))
    class_ids = np.where(_areas(boxes) > 0.4 * _areas(batch.boxes), batch.class_ids, -1)
    return TrainingSet(np.clip(images, 0, 255).astype(np.uint8), boxes, class_ids)


def _draw_one(seeds: tuple[int, int]) -> Picture:
    return draw_picture(np.random.default_rng(seeds), WIDTH, HEIGHT)


def _add_bar(image: Array, boxes: Array, bar_height: int, *, at_top: bool) -> None:
    rows = slice(0, bar_height) if at_top else slice(HEIGHT - bar_height, HEIGHT)
    image[rows] = _PADDING_VALUE
    top, bottom = (bar_height, HEIGHT) if at_top else (0, HEIGHT - bar_height)
    boxes[:, [1, 3]] = np.clip(boxes[:, [1, 3]], top, bottom)


def _areas(boxes: Array) -> Array:
    sides: Array = boxes[..., 2:] - boxes[..., :2]
    return sides[..., 0] * sides[..., 1]
