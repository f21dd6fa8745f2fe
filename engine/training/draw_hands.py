"""Draws training pictures: hands that show rock, paper or scissors, each with its box and class.

python -m engine.training.draw_hands --count 24 --sheet sheet.png      # draws a contact sheet
"""

import argparse
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from engine.training.backdrops import draw_backdrop, draw_clutter, sample_skin
from engine.training.hand_layers import Layer, Look, View, blur, draw_hand, hand_extent
from engine.training.hand_poses import CLASS_NAMES, Array, Balls, Gesture, HandShape, build_hand, pose_hand

TRAINED_FINGER_RADII = ((0.82, 0.96), (1.04, 1.20))
HELD_OUT_FINGER_RADII = ((0.97, 1.03),)
_HANDS_IN_PICTURE = (0.10, 0.42, 0.30, 0.18)
_MIN_SHARE_INSIDE = 0.6
MIN_SHARE_VISIBLE = 0.5


@dataclass(frozen=True)
class Picture:
    """A training picture.

    Attributes:
        image: h x w x 3, RGB.
        boxes: n x 4, x1 y1 x2 y2 in pixels, of the visible part of each hand.
        class_ids: n.
    """

    image: npt.NDArray[np.uint8]
    boxes: Array
    class_ids: npt.NDArray[np.int64]


def draw_picture(rng: np.random.Generator, width: int, height: int) -> Picture:
    """A random picture with up to three hands."""
    backdrop = draw_backdrop(rng, width, height)
    light = sample_light(rng)
    layers, class_ids, placed = [], [], list[View]()
    for _ in range(int(rng.choice(len(_HANDS_IN_PICTURE), p=_HANDS_IN_PICTURE))):
        gesture = Gesture(int(rng.integers(len(Gesture))))
        balls = sample_hand(rng, gesture, TRAINED_FINGER_RADII)
        view = _sample_free_view(rng, balls, placed, width, height)
        if view is None:
            continue
        look = sample_look(rng, light, float(rng.uniform(0.3, 0.65)))
        layers.append(smear(draw_hand(balls, view, look, width, height), *_sample_motion(rng, view.palm_width)))
        class_ids.append(int(gesture))
        placed.append(view)
    image, visible = compose(backdrop, layers)
    if rng.random() < 0.25:
        image, visible = _occlude(rng, image, visible)
    boxes = [
        box_of(mask) if mask.sum() > MIN_SHARE_VISIBLE * layer.hand_coverage.sum() else None
        for mask, layer in zip(visible, layers, strict=True)
    ]
    kept = [i for i, box in enumerate(boxes) if box is not None]
    return Picture(
        image=_photograph(rng, image),
        boxes=np.array([boxes[i] for i in kept], np.float32).reshape(-1, 4),
        class_ids=np.array([class_ids[i] for i in kept], np.int64),
    )


def sample_hand(rng: np.random.Generator, gesture: Gesture, finger_radii: Sequence[tuple[float, float]]) -> Balls:
    """A random person's hand in a gesture, with a random deviation at every joint."""
    shape = sample_shape(rng, finger_radii)
    spread = rng.uniform(1, 15) if gesture is Gesture.PAPER else rng.uniform(8, 20)
    pose = pose_hand(gesture, float(spread))
    off = type(pose)(
        flexion=pose.flexion + rng.normal(0, 6, pose.flexion.shape).astype(np.float32),
        abduction=pose.abduction + rng.normal(0, 2, pose.abduction.shape).astype(np.float32),
        thumb=pose.thumb + rng.normal(0, 0.08, pose.thumb.shape).astype(np.float32),
    )
    return build_hand(shape, pose.towards(off, 1.0))


def sample_shape(rng: np.random.Generator, finger_radii: Sequence[tuple[float, float]]) -> HandShape:
    """A random hand shape. One of the ranges gives the thickness of the fingers, as a factor on the average."""
    low, high = finger_radii[int(rng.integers(len(finger_radii)))]
    return HandShape(
        finger_length=float(rng.uniform(0.86, 1.12)),
        finger_radius=float(rng.uniform(low, high)),
        palm_length=float(rng.uniform(0.9, 1.1)),
        thumb_length=float(rng.uniform(0.88, 1.12)),
        sleeve_start=float(rng.choice([rng.uniform(0, 0.25), rng.uniform(0.25, 3.0)], p=[0.75, 0.25])),
        sleeve_radius=float(rng.uniform(0.36, 0.52)),
        stripe_length=float(rng.uniform(0.1, 0.4)) if rng.random() < 0.3 else 0.0,
    )


def sample_light(rng: np.random.Generator) -> tuple[float, float, float]:
    """A random direction towards the light, which is in front of the picture, mostly above."""
    return float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.9, 0.3)), float(rng.uniform(0.5, 1.0))


def sample_look(rng: np.random.Generator, light: tuple[float, float, float], ambient: float) -> Look:
    """A look with random skin and sleeve."""
    sleeve, stripe = rng.uniform(0.04, 0.95, (2, 3)).tolist()
    return Look(skin=sample_skin(rng), sleeve=tuple(sleeve), stripe=tuple(stripe), light=light, ambient=ambient)


def compose(backdrop: Array, layers: Sequence[Layer]) -> tuple[Array, list[Array]]:
    """Draws layers over a backdrop, the last one on top. Also returns the visible part of each hand (h x w, 0..1)."""
    image, visible = backdrop, list[Array]()
    for layer in layers:
        through = 1 - layer.coverage
        image = layer.color + image * through[..., None]
        visible = [*(mask * through for mask in visible), layer.hand_coverage]
    return image, visible


def box_of(mask: Array) -> tuple[float, float, float, float] | None:
    """The box (x1 y1 x2 y2) around pixels with a coverage above 0.5; None if they are too few to recognize a hand."""
    rows, columns = np.flatnonzero((mask > 0.5).any(axis=1)), np.flatnonzero((mask > 0.5).any(axis=0))
    if len(rows) < 6 or len(columns) < 6:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def share_inside(box: tuple[float, float, float, float], width: int, height: int) -> float:
    """The share of a box (x1 y1 x2 y2) that lies inside the picture."""
    x1, y1, x2, y2 = box
    inside = max(0.0, min(x2, width) - max(x1, 0)) * max(0.0, min(y2, height) - max(y1, 0))
    return inside / ((x2 - x1) * (y2 - y1))


def smear(layer: Layer, dx: float, dy: float) -> Layer:
    """Motion blur of `dx`, `dy` pixels. The hand's own coverage stays where it is at mid-exposure."""
    steps = int(max(abs(dx), abs(dy))) + 1
    if steps == 1:
        return layer
    shifts = [(round(dy * share), round(dx * share)) for share in np.linspace(-0.5, 0.5, steps)]
    color, coverage = (
        np.mean([np.roll(plane, shift, (0, 1)) for shift in shifts], axis=0, dtype=np.float32)
        for plane in (layer.color, layer.coverage)
    )
    return Layer(color, coverage, layer.hand_coverage)


def _sample_free_view(
    rng: np.random.Generator, balls: Balls, placed: Sequence[View], width: int, height: int
) -> View | None:
    """A random view that shows most of the hand, apart from the hands placed before; None if there is no room."""
    for _ in range(20):
        view = _sample_view(rng, width, height)
        apart = all(
            math.hypot(view.x - other.x, view.y - other.y) > 0.95 * (view.palm_width + other.palm_width)
            for other in placed
        )
        if apart and share_inside(hand_extent(balls, view), width, height) >= _MIN_SHARE_INSIDE:
            return view
    return None


def _sample_view(rng: np.random.Generator, width: int, height: int) -> View:
    longer = max(width, height)
    return View(
        x=float(rng.uniform(0.04, 0.96) * width),
        y=float(rng.uniform(0.04, 0.96) * height),
        palm_width=longer * math.exp(rng.uniform(math.log(0.05), math.log(0.19))),
        roll=float(rng.uniform(-180, 180)),
        yaw=float(rng.choice([0, 180]) + np.clip(rng.normal(0, 18), -40, 40)),
        pitch=float(np.clip(rng.normal(0, 15), -35, 35)),
        mirrored=bool(rng.random() < 0.5),
    )


def _sample_motion(rng: np.random.Generator, palm_width: float) -> tuple[float, float]:
    if rng.random() < 0.6:
        return 0.0, 0.0
    length, angle = rng.uniform(0, 0.3) * palm_width, rng.uniform(0, 2 * math.pi)
    return float(length * math.cos(angle)), float(length * math.sin(angle))


def _occlude(rng: np.random.Generator, image: Array, visible: list[Array]) -> tuple[Array, list[Array]]:
    """Draws one shape in front of everything."""
    marked = draw_clutter(rng, np.concatenate([image, *(mask[..., None] for mask in visible)], axis=2)[..., :3], 1)
    covered = np.abs(marked - image).max(axis=2) > 0.004
    return marked, [mask * ~covered for mask in visible]


def _photograph(rng: np.random.Generator, image: Array) -> npt.NDArray[np.uint8]:
    """The effects of a camera and a codec: exposure, white balance, contrast, focus, noise, compression."""
    image = np.clip(image, 0, 1) ** math.exp(rng.normal(0, 0.25)) * rng.uniform(0.9, 1.1, 3)
    image = (image - 0.5) * rng.uniform(0.7, 1.2) + 0.5 + rng.normal(0, 0.05)
    if rng.random() < 0.25:
        image = 0.5 * image + 0.5 * blur(image.astype(np.float32), 1)
    image = image + rng.normal(0, rng.uniform(0, 0.035), image.shape)
    plain = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    compressed = io.BytesIO()
    plain.save(compressed, "JPEG", quality=int(rng.integers(40, 96)))
    return np.asarray(Image.open(compressed))


def _draw_sheet(count: int, seed: int, columns: int = 6) -> Image.Image:
    """A contact sheet of pictures with their boxes."""
    width, height = 320, 192
    sheet = Image.new("RGB", (columns * width, math.ceil(count / columns) * height))
    for i in range(count):
        picture = draw_picture(np.random.default_rng([seed, i]), width, height)
        tile = Image.fromarray(picture.image)
        draw = ImageDraw.Draw(tile)
        for box, class_id in zip(picture.boxes.tolist(), picture.class_ids.tolist(), strict=True):
            draw.rectangle(box, outline=(255, 255, 0))
            draw.text((box[0] + 2, box[1] + 1), CLASS_NAMES[class_id], fill=(255, 255, 0))
        sheet.paste(tile, (i % columns * width, i // columns * height))
    return sheet


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draws some training pictures with their boxes on one sheet.")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sheet", type=Path, required=True)
    arguments = parser.parse_args()
    _draw_sheet(arguments.count, arguments.seed).save(arguments.sheet)
