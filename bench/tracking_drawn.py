"""Draws scenes of bench/tracking_scenes.py as clips of hands, and runs the shipped model on them.

The hands are those of engine/training, with shapes that no training picture has. Each moves as an object of the scene;
a hand that is lower in the picture is in front. The model gets every frame, as with `videoinfer infer --infer-fps 30`.
The picture is square, because the model reduces it to 320 by 320 pixels and misses smaller hands.
"""

import json
import math
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from bench.tracking_scenes import DRAWN_SCENES, RATE, SCENES, SECONDS, WIDTH, Box, DrawnFiles, Scene, Thing
from bench.tracking_scenes import DRAWN_SIDE as SIDE
from engine.training.backdrops import draw_desk
from engine.training.draw_hands import (
    HELD_OUT_FINGER_RADII,
    MIN_SHARE_VISIBLE,
    box_of,
    sample_light,
    sample_look,
    sample_shape,
)
from engine.training.hand_layers import Layer, Look, View, draw_hand
from engine.training.hand_poses import Array, Balls, Gesture, HandShape, build_hand, pose_hand
from videoinfer.repository import SAMPLE_MODEL

_BANDS = {
    "walkers": (280, 870),
    "crossing": (420, 1030),
    "pillars": (280, 870),
    "returns": (370, 1030),
    "hands": (100, 980),
}
"""By scene: the band, from y to y, that is stretched to the height of the picture."""

_PALM_SHARES = 0.042, 0.0001
"""The width of a palm as a share of the picture's: at least, and per pixel of an object's height. Sizes differ less
than in the scenes, because the model misses smaller hands."""

_ARM_LENGTH = 1.3
"""In palm widths."""

_SPRITE_SHARE = 5.2
"""The side of a hand's own picture, in palm widths."""

_ROLL_STEP = 3
"""Degrees. A hand is drawn once for each step."""

_NOISE = 0.008
_PILLAR_COLOR = (0.35, 0.33, 0.31)

_GESTURES: Mapping[str, tuple[Gesture, float]] = {
    "rock": (Gesture.ROCK, 0.75),
    "paper": (Gesture.PAPER, 1.15),
    "scissors": (Gesture.SCISSORS, 1.2),
}
"""By a scene's class: the gesture, and the object's height in units of its size."""

type Corners = tuple[int, int, int, int]
"""Left, top, right, bottom; pixels."""


@dataclass
class _Hand:
    """An object of a scene, drawn as a hand."""

    thing: Thing
    gesture: Gesture
    shape: HandShape
    look: Look
    view: View
    spread: float
    tempo: float
    _sprites: dict[tuple[Gesture, int, int], Layer] = field(default_factory=dict)

    def draw(self, seconds: float, box: Box) -> Layer:
        """Returns the hand in the middle of a picture of its own."""
        gesture, height = _GESTURES.get(self.thing.name(seconds), (self.gesture, 1.0))
        least, growth = _PALM_SHARES
        palm = round(SIDE * (least + growth * box[3] / height))
        roll = round((self.view.roll + 10 * math.sin(self.tempo * seconds)) / _ROLL_STEP)
        key = gesture, palm, roll
        if key not in self._sprites:
            side = round(_SPRITE_SHARE * palm)
            view = View(side / 2, side / 2, palm, roll * _ROLL_STEP, self.view.yaw, self.view.pitch, self.view.mirrored)
            hand = _shorten_arm(build_hand(self.shape, pose_hand(gesture, self.spread)))
            self._sprites[key] = draw_hand(hand, view, self.look, side, side)
        return self._sprites[key]


def draw_scenes(folder: Path, seeds: Sequence[int]) -> None:
    """Writes the clips of all drawn scenes, their true boxes and the model's results, unless they are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for name in DRAWN_SCENES:
            draw_scene(name, seed, DrawnFiles.locate(folder, name, seed))


def draw_scene(name: str, seed: int, files: DrawnFiles) -> None:
    """Writes one clip, its true boxes and the model's results, unless they are there."""
    if not files.truth.exists():
        truths = _write_clip(_draw_frames(name, seed), files.clip)
        files.truth.write_text(json.dumps(truths))
    if not files.results.exists():
        command = [sys.executable, "-m", "videoinfer", "infer", files.clip, "--model", SAMPLE_MODEL]
        command += ["--infer-fps", str(RATE), "--output", files.results]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def _write_clip(
    frames: Iterator[tuple[NDArray[np.uint8], Mapping[int, Box]]], path: Path
) -> Sequence[Mapping[int, Box]]:
    """Writes H.264 in MP4. Returns the true boxes of each frame, by identity."""
    truths = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "24"})
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for index, (picture, truth) in enumerate(frames):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
            truths.append(truth)
        container.mux(stream.encode())
    return truths


def _draw_frames(name: str, seed: int) -> Iterator[tuple[NDArray[np.uint8], Mapping[int, Box]]]:
    scene = SCENES[name](random.Random(f"{name} {seed}"))  # noqa: S311  reproducible
    rng = np.random.default_rng([seed, list(SCENES).index(name)])
    backdrop = draw_desk(rng, SIDE, SIDE)
    noise = rng.normal(0, _NOISE, (2 * SIDE, SIDE, 3)).astype(np.float32)
    light = sample_light(rng)
    hands = [_sample_hand(rng, thing, light) for thing in scene.things]
    for number in range(SECONDS * RATE):
        picture, truth = _draw_frame(scene, hands, backdrop, _BANDS[name], number / RATE)
        start = int(rng.integers(SIDE))
        picture += noise[start : start + SIDE]
        yield (np.clip(picture, 0, 1) * 255).astype(np.uint8), truth


def _draw_frame(
    scene: Scene, hands: Sequence[_Hand], backdrop: Array, band: tuple[int, int], seconds: float
) -> tuple[Array, Mapping[int, Box]]:
    """Draws the picture (0 to 1). Returns also the boxes of the visible parts of hands that are half visible."""
    picture = backdrop.copy()
    placed = [(hand, box) for hand in hands if (box := hand.thing.place(seconds))]
    placed.sort(key=lambda pair: pair[1][1] + pair[1][3] / 2)
    owners = np.full((SIDE, SIDE), -1, np.int16)
    totals: dict[int, tuple[Corners, int]] = {}
    for hand, box in placed:
        layer = hand.draw(seconds, box)
        half = len(layer.coverage) // 2
        left, top, _, _ = (value - half for value in _find_corners((box[0], box[1], 0, 0), band))
        corners = left, top, left + len(layer.coverage), top + len(layer.coverage)
        x1, y1, x2, y2 = _clip(corners)
        if x1 >= x2 or y1 >= y2:
            continue
        inner = slice(y1 - top, y2 - top), slice(x1 - left, x2 - left)
        outer = slice(y1, y2), slice(x1, x2)
        coverage = layer.coverage[inner]
        picture[outer] = layer.color[inner] + picture[outer] * (1 - coverage)[..., None]
        owners[outer][coverage > 0.5] = -1
        owners[outer][layer.hand_coverage[inner] > 0.5] = hand.thing.identity
        totals[hand.thing.identity] = (x1, y1, x2, y2), int((layer.hand_coverage > 0.5).sum())
    for pillar in scene.pillars:
        x1, y1, x2, y2 = _clip(_find_corners(pillar, band))
        picture[y1:y2, x1:x2] = np.array(_PILLAR_COLOR) * np.linspace(1.2, 0.7, x2 - x1)[None, :, None]
        owners[y1:y2, x1:x2] = -1
    return picture, dict(_find_boxes(owners, totals))


def _find_boxes(owners: NDArray[np.int16], totals: Mapping[int, tuple[Corners, int]]) -> Iterator[tuple[int, Box]]:
    for identity, ((x1, y1, x2, y2), pixels) in totals.items():
        mask = (owners[y1:y2, x1:x2] == identity).astype(np.float32)
        if mask.sum() >= MIN_SHARE_VISIBLE * pixels and (corners := box_of(mask)):
            left, top, right, bottom = corners
            yield identity, (x1 + (left + right) / 2, y1 + (top + bottom) / 2, right - left, bottom - top)


def _sample_hand(rng: np.random.Generator, thing: Thing, light: tuple[float, float, float]) -> _Hand:
    yaw = float(rng.choice([0, 180]) + rng.uniform(-20, 20))
    return _Hand(
        thing=thing,
        gesture=Gesture(int(rng.integers(len(Gesture)))),
        shape=replace(sample_shape(rng, HELD_OUT_FINGER_RADII), sleeve_start=0.1, stripe_length=0.0),
        look=sample_look(rng, light, 0.5),
        view=View(0, 0, 0, float(rng.uniform(-25, 25)), yaw, float(rng.uniform(-10, 10)), bool(rng.random() < 0.5)),
        spread=float(rng.uniform(9, 14)),
        tempo=float(rng.uniform(0.5, 2)),
    )


def _shorten_arm(hand: Balls) -> Balls:
    """Otherwise the arms of the nearer hands would cover the picture."""
    kept = hand.centers[:, 1] > -_ARM_LENGTH
    return Balls(hand.centers[kept], hand.radii[kept], hand.materials[kept])


def _find_corners(box: Box, band: tuple[int, int]) -> Corners:
    x, y, width, height = box
    left, right = ((x + side * width / 2) * SIDE / WIDTH for side in (-1, 1))
    top, bottom = ((y + side * height / 2 - band[0]) * SIDE / (band[1] - band[0]) for side in (-1, 1))
    return round(left), round(top), round(right), round(bottom)


def _clip(corners: Corners) -> Corners:
    left, top, right, bottom = corners
    return max(left, 0), max(top, 0), min(right, SIDE), min(bottom, SIDE)
