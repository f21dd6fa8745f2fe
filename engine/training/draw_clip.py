"""Draws the sample clip, a game of rock, paper, scissors, and its ground truth: the hands on every frame.

The clip is held out: no training picture has its people, its backdrop or its movements.

    python -m engine.training.draw_clip --video samples/rock-paper-scissors.mp4 --truth samples/rock-paper-scissors.json
"""

import argparse
import json
import math
import multiprocessing
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from engine.training.backdrops import draw_desk
from engine.training.draw_hands import (
    HELD_OUT_FINGER_RADII,
    MIN_SHARE_VISIBLE,
    box_of,
    compose,
    sample_shape,
    share_inside,
    smear,
)
from engine.training.hand_layers import Layer, Look, View, draw_hand, hand_extent
from engine.training.hand_poses import CLASS_NAMES, Array, Gesture, HandShape, Pose, build_hand, pose_hand

WIDTH, HEIGHT = 640, 360
FRAME_RATE = Fraction(30)
FRAME_COUNT = 300
_FRAMES_BETWEEN_KEYFRAMES = 60
_SEED = 20_261
_CHANGE_SECONDS = 0.12
_EXPOSURE_SECONDS = 1 / 90
_LIGHT = (-0.45, -0.7, 0.75)
_NOISE = 0.008

Prediction = dict[str, Any]


@dataclass(frozen=True)
class Player:
    """One hand: its look, its gestures, and its movement.

    Attributes:
        gestures: each with the second from which it is shown.
        spread: of the fingers, degrees.
        place: x and y in pixels while it is on stage.
        entry: the point at which it enters and leaves, in pixels relative to `place`.
        on_stage: the seconds from which and until which it is at its place.
        sway: movement to each side, in pixels.
        roll, yaw, pitch: degrees; they vary by a few degrees while the hand sways.
        tempo: swaying cycles per second.
    """

    shape: HandShape
    look: Look
    gestures: tuple[tuple[float, Gesture], ...]
    spread: float
    place: tuple[float, float]
    entry: tuple[float, float]
    on_stage: tuple[float, float]
    sway: tuple[float, float]
    palm_width: float
    roll: float
    yaw: float
    pitch: float
    mirrored: bool
    tempo: float

    def gesture_at(self, seconds: float) -> Gesture:
        """The gesture at this time; during a change, the nearer one."""
        shown = [gesture for start, gesture in self.gestures if start <= seconds]
        return shown[-1]

    def pose_at(self, seconds: float) -> Pose:
        """The pose of the fingers. A change of gesture is half complete at its second."""
        pose = pose_hand(self.gestures[0][1], self.spread)
        for start, gesture in self.gestures[1:]:
            share = min(max((seconds - start) / _CHANGE_SECONDS + 0.5, 0), 1)
            pose = pose.towards(pose_hand(gesture, self.spread), share)
        return pose

    def view_at(self, seconds: float) -> View:
        """The position of the hand, and the side from which it is seen."""
        phase = 2 * math.pi * seconds * self.tempo
        away = max(_ease((self.on_stage[0] - seconds) / 0.8), _ease((seconds - self.on_stage[1]) / 0.8))
        return View(
            x=self.place[0] + self.sway[0] * math.sin(phase) + self.entry[0] * away,
            y=self.place[1] + self.sway[1] * math.sin(2 * phase + 0.6) + self.entry[1] * away,
            palm_width=self.palm_width * (1 + 0.05 * math.sin(0.7 * phase)),
            roll=self.roll + 12 * math.sin(0.8 * phase + 1),
            yaw=self.yaw + 14 * math.sin(0.6 * phase),
            pitch=self.pitch + 8 * math.sin(0.9 * phase + 2),
            mirrored=self.mirrored,
        )


@cache
def cast_players() -> tuple[Player, ...]:
    """The three players: one from the left, one from the right, and one who enters from above and leaves again."""
    rng = np.random.default_rng(_SEED)
    shapes = [sample_shape(rng, HELD_OUT_FINGER_RADII) for _ in range(3)]
    rock, paper, scissors = Gesture.ROCK, Gesture.PAPER, Gesture.SCISSORS
    return (
        Player(
            shape=_dressed(shapes[0], stripe_length=0.0),
            look=Look((0.90, 0.70, 0.57), (0.16, 0.34, 0.60), (0.9, 0.9, 0.9), _LIGHT, 0.5),
            gestures=((0.0, rock), (1.9, paper), (4.3, scissors), (7.1, rock), (8.9, paper)),
            spread=12.0,
            place=(185, 205),
            entry=(-330, 30),
            on_stage=(0.0, 11.0),
            sway=(16, 20),
            palm_width=62,
            roll=78,
            yaw=12,
            pitch=4,
            mirrored=True,
            tempo=0.32,
        ),
        Player(
            shape=_dressed(shapes[1], stripe_length=0.22),
            look=Look((0.45, 0.29, 0.20), (0.78, 0.22, 0.20), (0.93, 0.90, 0.84), _LIGHT, 0.5),
            gestures=((0.0, rock), (2.0, scissors), (5.4, paper), (7.7, scissors)),
            spread=14.0,
            place=(460, 215),
            entry=(330, 40),
            on_stage=(0.0, 11.0),
            sway=(18, 22),
            palm_width=60,
            roll=-80,
            yaw=172,
            pitch=-5,
            mirrored=True,
            tempo=0.27,
        ),
        Player(
            shape=_dressed(shapes[2], stripe_length=0.0),
            look=Look((0.74, 0.53, 0.38), (0.86, 0.68, 0.22), (0.9, 0.9, 0.9), _LIGHT, 0.5),
            gestures=((0.0, paper), (4.8, rock), (6.3, scissors)),
            spread=9.0,
            place=(325, 95),
            entry=(20, -230),
            on_stage=(3.4, 7.9),
            sway=(14, 7),
            palm_width=46,
            roll=176,
            yaw=6,
            pitch=6,
            mirrored=False,
            tempo=0.3,
        ),
    )


def draw_frame(index: int) -> tuple[npt.NDArray[np.uint8], list[Prediction]]:
    """The picture (h x w x 3 RGB), and the hands that are at least half visible, as predictions of the API."""
    seconds = float(index / FRAME_RATE)
    layers = [_draw_player(player, seconds) for player in cast_players()]
    image, visible = compose(_backdrop(), layers)
    noise = np.random.default_rng([_SEED, index]).normal(0, _NOISE, image.shape)
    truth = [
        _describe(box, player.gesture_at(seconds))
        for player, mask in zip(cast_players(), visible, strict=True)
        if _share_on_picture(player, seconds) >= MIN_SHARE_VISIBLE and (box := box_of(mask)) is not None
    ]
    return (np.clip(image + noise, 0, 1) * 255).round().astype(np.uint8), truth


def encode(frames: list[npt.NDArray[np.uint8]], video: Path) -> None:
    """Writes H.264 in MP4, with the index first, so that it plays while it loads."""
    with av.open(str(video), "w", options={"movflags": "+faststart"}) as container:
        options = {"crf": "24", "preset": "slow", "threads": "1"}
        stream: VideoStream = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = (
            WIDTH,
            HEIGHT,
            "yuv420p",
            _FRAMES_BETWEEN_KEYFRAMES,
        )
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _draw_player(player: Player, seconds: float) -> Layer:
    view, later = player.view_at(seconds), player.view_at(seconds + _EXPOSURE_SECONDS)
    layer = draw_hand(build_hand(player.shape, player.pose_at(seconds)), view, player.look, WIDTH, HEIGHT)
    return smear(layer, later.x - view.x, later.y - view.y)


def _share_on_picture(player: Player, seconds: float) -> float:
    balls = build_hand(player.shape, player.pose_at(seconds))
    return share_inside(hand_extent(balls, player.view_at(seconds)), WIDTH, HEIGHT)


def _describe(box: tuple[float, float, float, float], gesture: Gesture) -> Prediction:
    x1, y1, x2, y2 = box
    name = CLASS_NAMES[gesture]
    return {
        "x": (x1 + x2) / 2,
        "y": (y1 + y2) / 2,
        "width": x2 - x1,
        "height": y2 - y1,
        "class": name,
        "class_id": int(gesture),
    }


def _dressed(shape: HandShape, stripe_length: float) -> HandShape:
    return HandShape(
        shape.finger_length, shape.finger_radius, shape.palm_length, shape.thumb_length, 0.1, 0.42, stripe_length
    )


def _ease(share: float) -> float:
    """An ease-in, ease-out curve from 0 to 1."""
    share = min(max(share, 0), 1)
    return share * share * (3 - 2 * share)


@cache
def _backdrop() -> Array:
    return draw_desk(np.random.default_rng(_SEED), WIDTH, HEIGHT)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the sample clip and its truth.")
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with multiprocessing.Pool(arguments.processes) as pool:
        drawn = pool.map(draw_frame, range(FRAME_COUNT), chunksize=5)
    encode([image for image, _ in drawn], arguments.video)
    frames = ",\n".join(f'"{index}": {json.dumps(truth)}' for index, (_, truth) in enumerate(drawn))
    arguments.truth.write_text(f'{{"frames": {{\n{frames}\n}}}}\n')


if __name__ == "__main__":
    main()
