"""Simulated scenes with known identities and simulated detections, for bench/tracking.py.

A scene has 30 frames per second; a lower rate takes every n-th frame, as the pipeline does. Objects move, occlude one
another, leave and return. The detector is good but imperfect: boxes are inexact, objects are missed, mostly while they
are occluded, a class is sometimes wrong, and some detections are false.
"""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

RATE = 30
SECONDS = 40
WIDTH, HEIGHT = 1920, 1080
VISIBLE_SHARE = 0.3
"""Minimum visible share of an object: with less, it has no true box and is not detected."""

DRAWN_SIDE = 640
"""Width and height of a clip's picture, in pixels."""

CONFIDENCE_MIN = 0.3
"""Detections with a lower confidence are left out, as by a model's threshold."""

_GRID = 7
"""The visible share of a box is measured on a grid with so many points on each side."""

_GESTURES = {"rock": (0.8, 0.75), "paper": (1.3, 1.15), "scissors": (0.8, 1.2)}
"""The relative width and height of a hand."""

type Box = tuple[float, float, float, float]
"""x and y of the center, width, height; pixels."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A detected box. `identity` is the object's, or None for a false detection."""

    identity: int | None
    name: str
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True)
class Frame:
    """A sampled frame: the true boxes by identity, and the detections."""

    seconds: float
    truth: Mapping[int, Box]
    detections: Sequence[Detection]


@dataclass
class Thing:
    """An object: its box at a time, or None while it is absent, and its class at that time."""

    place: Callable[[float], Box | None]
    name: Callable[[float], str]
    identity: int = 0


@dataclass
class Scene:
    """Objects, and pillars in front of them. An object occludes those whose lower edge is higher in the picture."""

    things: list[Thing] = field(default_factory=list)
    pillars: Sequence[Box] = ()
    false_a_frame: float = 0.3

    def watch(self, chance: random.Random, seconds: float = SECONDS) -> list[Frame]:
        """Returns the scene's frames, 30 per second."""
        spots = [_place_box(chance) for _ in range(3)]
        return [self._watch_frame(number / RATE, chance, spots) for number in range(round(seconds * RATE))]

    def _watch_frame(self, seconds: float, chance: random.Random, spots: Sequence[Box]) -> Frame:
        boxes = [(thing, box) for thing in self.things if (box := thing.place(seconds)) and _is_inside(box)]
        truth, detections = {}, []
        for thing, box in boxes:
            nearer = [other for _, other in boxes if _lower_edge(other) > _lower_edge(box)]
            share = _measure_visible(box, [*nearer, *self.pillars])
            if share < VISIBLE_SHARE:
                continue
            truth[thing.identity] = box
            if chance.random() < 0.04 + 0.5 * (1 - share):
                continue
            confidence = min(0.99, chance.betavariate(9, 2) * (0.45 + 0.55 * share))
            noise = 0.02 + 0.05 * (1 - share)
            name = thing.name(seconds) if chance.random() > 0.01 else "other"
            detections.append(Detection(thing.identity, name, confidence, _shake(box, noise, chance)))
        for spot in spots:
            if chance.random() < self.false_a_frame / len(spots):
                place = spot if chance.random() < 0.5 else _place_box(chance)
                detections.append(Detection(None, "person", chance.uniform(0.2, 0.65), _shake(place, 0.05, chance)))
        kept = [detection for detection in detections if detection.confidence >= CONFIDENCE_MIN]
        chance.shuffle(kept)
        return Frame(seconds, truth, kept)


def make_walkers(chance: random.Random) -> Scene:
    """Twenty people who walk around, turn and stop."""
    return Scene([_make_walker(chance, number) for number in range(20)])


def make_crossing(chance: random.Random) -> Scene:
    """Two opposite streams of people, as at a pedestrian crossing."""
    things = []
    for number in range(24):
        direction = 1 if number % 2 else -1
        begin = chance.uniform(-8, SECONDS - 4)
        speed, y, height = chance.uniform(130, 260), chance.uniform(500, 950), chance.uniform(180, 260)
        phase, tempo = chance.uniform(0, 6), chance.uniform(0.4, 0.8)

        def place(t: float, *, d=direction, b=begin, s=speed, y=y, h=height, p=phase, w=tempo) -> Box | None:  # type: ignore[no-untyped-def]
            x = (WIDTH / 2 - d * (WIDTH / 2 + 80)) + d * s * (t - b)
            return (x, y + 25 * math.sin(w * t + p), h * 0.38, h) if t >= b else None

        things.append(Thing(place, lambda _: "person", number))
    return Scene(things)


def make_road(chance: random.Random) -> Scene:
    """Cars and trucks in four lanes at different speeds; near lanes occlude far ones."""
    things, number = [], 0
    for lane in range(4):
        direction, y = (1 if lane < 2 else -1), 420 + 170 * lane
        scale, speed = 0.6 + 0.25 * lane, chance.uniform(280, 520) * (0.6 + 0.25 * lane)
        begin = -6.0
        while begin < SECONDS:
            name, length = ("truck", 420) if chance.random() < 0.2 else ("car", 230)
            own_speed, change = speed * chance.uniform(0.9, 1.1), chance.uniform(-0.15, 0.15)

            def place(t: float, *, d=direction, b=begin, s=own_speed, a=change, y=y, w=length * scale) -> Box | None:  # type: ignore[no-untyped-def]
                way = s * (t - b) * (1 + a * math.sin(0.5 * (t - b)))
                x = (WIDTH / 2 - d * (WIDTH / 2 + 260)) + d * way
                return (x, y, w, w * 0.5) if t >= b else None

            things.append(Thing(place, lambda _, name=name: name, number))  # type: ignore[misc]
            number += 1
            begin += (length * scale + chance.uniform(120, 500)) / speed
    return Scene(things)


def make_pillars(chance: random.Random) -> Scene:
    """People who walk behind pillars, which hide them for 0.5 to 2 seconds."""
    things = [_make_walker(chance, number) for number in range(10)]
    return Scene(things, pillars=[(x, 600, 130, 1100) for x in (350, 800, 1250, 1650)])


def make_returns(chance: random.Random) -> Scene:
    """People who leave the picture and return at the same edge some seconds later."""
    things = []
    for number in range(8):
        y, height, period = chance.uniform(450, 950), chance.uniform(180, 280), chance.uniform(9, 16)
        phase, is_right = chance.uniform(0, 6), bool(number % 2)

        def place(t: float, *, y=y, h=height, p=phase, k=period, r=is_right) -> Box:  # type: ignore[no-untyped-def]
            reach = 500 * math.sin(2 * math.pi * t / k + p) + 380
            return (WIDTH - reach if r else reach, y + 30 * math.sin(t / 2 + p), h * 0.4, h)

        things.append(Thing(place, lambda _: "person", number))
    return Scene(things)


def make_hands(chance: random.Random) -> Scene:
    """Hands that sway, come and go, and change their gesture, and with it their class and shape."""
    things = []
    for number in range(8):
        x, y, size = chance.uniform(200, 1720), chance.uniform(200, 880), chance.uniform(120, 220)
        phase, tempo, reach = chance.uniform(0, 6), chance.uniform(0.1, 0.35), chance.uniform(40, 150)
        begin, end = chance.uniform(-5, 15), chance.uniform(20, SECONDS + 10)
        changes = [chance.choice(("rock", "paper", "scissors")) for _ in range(SECONDS)]

        def place(  # type: ignore[no-untyped-def]
            t: float, *, x=x, y=y, s=size, p=phase, w=tempo, r=reach, b=begin, e=end, changes=changes
        ) -> Box | None:
            turn = 2 * math.pi * w * t + p
            wide, high = _GESTURES[changes[int(t / 2.5)]]
            width = s * wide * (1 + 0.15 * math.sin(0.7 * turn))
            return (x + r * math.sin(turn), y + 0.6 * r * math.sin(2 * turn), width, s * high) if b < t < e else None

        def name(t: float, *, changes=changes) -> str:  # type: ignore[no-untyped-def]
            return changes[int(t / 2.5)]  # type: ignore[no-any-return]

        things.append(Thing(place, name, number))
    return Scene(things)


def make_belt(chance: random.Random) -> Scene:
    """Bottles on a belt, nearly equal and with the same speed."""
    speed, things, begin = chance.uniform(110, 160), [], -14.0
    for number in range(60):
        begin += chance.uniform(170, 260) / speed
        size = chance.uniform(95, 105)

        def place(t: float, *, b=begin, s=speed, w=size) -> Box | None:  # type: ignore[no-untyped-def]
            return (s * (t - b), 600.0, w, w * 2.4) if t >= b else None

        things.append(Thing(place, lambda _: "bottle", number))
    return Scene(things)


DRAWN_SCENES = ("walkers", "crossing", "pillars", "returns", "hands")
"""The scenes that bench/tracking_drawn.py draws as clips of hands."""

SCENES: Mapping[str, Callable[[random.Random], Scene]] = {
    "walkers": make_walkers,
    "crossing": make_crossing,
    "road": make_road,
    "pillars": make_pillars,
    "returns": make_returns,
    "hands": make_hands,
    "belt": make_belt,
}


def watch_scene(name: str, seed: int) -> list[Frame]:
    """Returns a scene's frames, 30 per second, the same for the same seed."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311  reproducible
    return SCENES[name](chance).watch(chance)


@dataclass(frozen=True, slots=True)
class DrawnFiles:
    """The files of a scene that bench/tracking_drawn.py draws: its clip, its true boxes, and the model's results."""

    clip: Path
    truth: Path
    results: Path

    @classmethod
    def locate(cls, folder: Path, name: str, seed: int) -> Self:
        stem = folder / f"{name}-{seed}"
        return cls(*(stem.with_suffix(suffix) for suffix in (".mp4", ".truth.json", ".json")))

    def read(self) -> list[Frame]:
        """Returns the clip's frames, 30 per second, with the model's detections. Their identities are unknown.

        Boxes are scaled to a picture as wide as the scenes, because some trackers have distances in pixels.
        """
        results = json.loads(self.results.read_text())
        truths = json.loads(self.truth.read_text())
        [model] = results.keys() - {"frame_offset", "time_offset"}
        return [
            Frame(
                seconds, {int(identity): _enlarge(*box) for identity, box in truth.items()}, _read_detections(element)
            )
            for seconds, truth, element in zip(results["time_offset"], truths, results[model], strict=True)
        ]


def _read_detections(element: Mapping[str, Any]) -> list[Detection]:
    return [
        Detection(None, one["class"], one["confidence"], _enlarge(one["x"], one["y"], one["width"], one["height"]))
        for one in element["predictions"]
    ]


def _enlarge(x: float, y: float, width: float, height: float) -> Box:
    scale = WIDTH / DRAWN_SIDE
    return scale * x, scale * y, scale * width, scale * height


def _make_walker(chance: random.Random, number: int) -> Thing:
    """Makes a person who walks from goal to goal at their own speed, with pauses, and is smaller when further away."""
    times, goals, t = [-1.0], [(chance.uniform(60, 1860), chance.uniform(420, 950))], -1.0
    speed = chance.uniform(80, 190)
    while t < SECONDS:
        x, y = goals[-1]
        goal = (chance.uniform(60, 1860), chance.uniform(420, 950))
        if chance.random() < 0.25:
            goal = (x, y)
        t += max(math.dist(goal, (x, y)) / speed, chance.uniform(0.5, 3))
        times.append(t)
        goals.append(goal)

    def place(seconds: float) -> Box:
        number = next(n for n, end in enumerate(times) if end > seconds)
        share = (seconds - times[number - 1]) / (times[number] - times[number - 1])
        share = share * share * (3 - 2 * share)
        (x0, y0), (x1, y1) = goals[number - 1], goals[number]
        x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        height = 90 + 0.2 * y
        swing = 1 + 0.12 * math.sin(9 * seconds + 2 * x0)
        return (x, y - height / 2, height * 0.38 * swing, height)

    return Thing(place, lambda _: "person", number)


def _lower_edge(box: Box) -> float:
    return box[1] + box[3] / 2


def _is_inside(box: Box) -> bool:
    """Returns whether a box's center is in the picture."""
    x, y, _, _ = box
    return 0 < x < WIDTH and 0 < y < HEIGHT


def _measure_visible(box: Box, nearer: Sequence[Box]) -> float:
    """Returns the share of a box that no nearer box covers."""
    x, y, width, height = box
    near = [o for o in nearer if abs(o[0] - x) * 2 < o[2] + width and abs(o[1] - y) * 2 < o[3] + height]
    if not near:
        return 1.0
    points = [
        (x + width * ((i + 0.5) / _GRID - 0.5), y + height * ((j + 0.5) / _GRID - 0.5))
        for i in range(_GRID)
        for j in range(_GRID)
    ]
    free = sum(all(abs(px - ox) * 2 > ow or abs(py - oy) * 2 > oh for ox, oy, ow, oh in near) for px, py in points)
    return free / len(points)


def _shake(box: Box, noise: float, chance: random.Random) -> Box:
    x, y, width, height = box
    return (
        x + chance.gauss(0, noise) * width,
        y + chance.gauss(0, noise) * height,
        width * math.exp(chance.gauss(0, 1.5 * noise)),
        height * math.exp(chance.gauss(0, 1.5 * noise)),
    )


def _place_box(chance: random.Random) -> Box:
    size = chance.uniform(60, 250)
    return (chance.uniform(100, WIDTH - 100), chance.uniform(200, HEIGHT - 100), size * chance.uniform(0.4, 1), size)
