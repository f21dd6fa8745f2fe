"""Builds hands from balls: a skeleton that shows rock, paper or scissors, with balls of skin along its bones.

Lengths are in palm widths, angles in degrees. In the hand's axes, the origin is the middle of the wrist, x points away
from the thumb, y to the fingers, z out of the palm.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

CLASS_NAMES = ("Paper", "Rock", "Scissors")


class Gesture(IntEnum):
    """A class of the detector; the value is its class id."""

    PAPER = 0
    ROCK = 1
    SCISSORS = 2


class Material(IntEnum):
    """The material of a ball. The first three belong to the hand, the others to the arm."""

    SKIN = 0
    CREASE = 1
    NAIL = 2
    FOREARM = 3
    SLEEVE = 4
    STRIPE = 5


@dataclass(frozen=True)
class HandShape:
    """The shape of one person's hand.

    Attributes:
        finger_length, finger_radius, palm_length, thumb_length: factors on the average hand.
        sleeve_start: length of bare skin below the wrist, in palm widths.
        sleeve_radius, stripe_length: in palm widths.
    """

    finger_length: float = 1.0
    finger_radius: float = 1.0
    palm_length: float = 1.0
    thumb_length: float = 1.0
    sleeve_start: float = 0.12
    sleeve_radius: float = 0.42
    stripe_length: float = 0.0


@dataclass(frozen=True)
class Pose:
    """The angles of the four fingers' joints (index finger first), and the directions of the thumb's three bones.

    Attributes:
        flexion: 4 x 3, towards the palm, at the knuckle, middle and end joints.
        abduction: 4, away from the thumb.
        thumb: 3 x 3, unit vectors in the hand's axes.
    """

    flexion: Array
    abduction: Array
    thumb: Array

    def towards(self, other: "Pose", share: float) -> "Pose":
        """Interpolates between this pose (share 0) and another (share 1)."""
        return Pose(
            flexion=self.flexion + share * (other.flexion - self.flexion),
            abduction=self.abduction + share * (other.abduction - self.abduction),
            thumb=_unit(self.thumb + share * (other.thumb - self.thumb)),
        )


@dataclass(frozen=True)
class Balls:
    """n balls: centers (n x 3) and radii (n) in palm widths, and materials (n)."""

    centers: Array
    radii: Array
    materials: npt.NDArray[np.uint8]


_KNUCKLES = np.array([[-0.36, 0.97, 0.0], [-0.12, 1.02, 0.03], [0.12, 0.98, 0.03], [0.34, 0.88, 0.0]], np.float32)
_CARPALS = np.array([[-0.20, 0.06, 0.0], [-0.08, 0.04, 0.02], [0.08, 0.04, 0.02], [0.20, 0.06, 0.0]], np.float32)
_FINGER_LENGTHS = np.array([0.98, 1.10, 1.02, 0.80], np.float32)
_PHALANGES = np.array([0.45, 0.30, 0.25], np.float32)
_FINGER_RADII = np.array(
    [
        [0.150, 0.134, 0.124, 0.102],
        [0.152, 0.136, 0.126, 0.105],
        [0.146, 0.130, 0.120, 0.100],
        [0.126, 0.113, 0.104, 0.090],
    ],
    np.float32,
)
_THUMB_BASE = np.array([-0.22, 0.16, 0.06], np.float32)
_THUMB_LENGTHS = np.array([0.46, 0.36, 0.30], np.float32)
_THUMB_RADII = np.array([0.19, 0.158, 0.142, 0.114], np.float32)
_BALLS_PER_RADIUS = 3
_PALM_LINES = (
    np.array([[-0.34, 0.72, 0], [-0.16, 0.62, 0], [-0.06, 0.42, 0], [-0.06, 0.15, 0]], np.float32),
    np.array([[-0.34, 0.74, 0], [-0.05, 0.62, 0], [0.20, 0.48, 0], [0.32, 0.42, 0]], np.float32),
    np.array([[-0.16, 0.92, 0], [-0.04, 0.82, 0], [0.16, 0.76, 0], [0.38, 0.74, 0]], np.float32),
)

_STRAIGHT = (4.0, 8.0, 4.0)
_FOLDED = (82.0, 102.0, 62.0)
_THUMB_OUT = ((-0.75, 0.65, 0.15), (-0.62, 0.78, 0.05), (-0.50, 0.86, 0.0))
_THUMB_OVER_FIST = ((-0.55, 0.55, 0.62), (0.15, 0.62, 0.77), (0.93, 0.30, -0.12))
_THUMB_OVER_RING = ((-0.45, 0.62, 0.64), (0.52, 0.62, 0.58), (0.95, 0.28, -0.10))


def pose_hand(gesture: Gesture, spread: float = 10.0) -> Pose:
    """The pose of a gesture.

    Args:
        spread: for paper, the angle between neighboring fingers; for scissors, half the angle of the V; degrees.
    """
    if gesture is Gesture.ROCK:
        return Pose(_angles([_FOLDED] * 4), _angles([2, 0, -2, -5]), _unit(np.array(_THUMB_OVER_FIST)))
    if gesture is Gesture.SCISSORS:
        return Pose(
            _angles([_STRAIGHT, _STRAIGHT, _FOLDED, _FOLDED]),
            _angles([-spread, spread, -2, -5]),
            _unit(np.array(_THUMB_OVER_RING)),
        )
    return Pose(_angles([_STRAIGHT] * 4), spread * _angles([-1.4, -0.35, 0.6, 1.7]), _unit(np.array(_THUMB_OUT)))


def build_hand(shape: HandShape, pose: Pose) -> Balls:
    """Builds the balls of the palm, fingers, thumb, forearm and sleeve."""
    strings = [*_palm(shape, pose), *_arm(shape)]
    for finger in range(4):
        strings += _finger(shape, pose, finger)
    strings += _thumb(shape, pose)
    return Balls(
        centers=np.concatenate([string.centers for string in strings]),
        radii=np.concatenate([string.radii for string in strings]),
        materials=np.concatenate([string.materials for string in strings]),
    )


def _palm(shape: HandShape, pose: Pose) -> list[Balls]:
    """The palm: parallel bones, the heel, the ball of the thumb and its web, and the lines of the palm."""
    stretch = np.array([1.0, shape.palm_length, 1.0], np.float32)
    shares = np.linspace(0, 3, 9)
    slab = [
        _string(_between(_CARPALS, share) * stretch, _between(_KNUCKLES, share) * stretch, 0.165, 0.135)
        for share in shares
    ]
    heel = _string(_point(0.24, 0.22, 0.06) * stretch, _point(0.33, 0.62, 0.02) * stretch, 0.17, 0.14)
    ball_of_thumb = _string(_point(-0.16, 0.2, 0.07) * stretch, _point(-0.30, 0.46, 0.07) * stretch, 0.19, 0.16)
    thumb_end = _THUMB_BASE + pose.thumb[0] * _THUMB_LENGTHS[0] * shape.thumb_length
    web = [
        _string(
            _THUMB_BASE + share * (thumb_end - _THUMB_BASE),
            (_CARPALS[0] + (0.25 + 0.5 * share) * (_KNUCKLES[0] - _CARPALS[0])) * stretch,
            0.135,
            0.13,
        )
        for share in np.linspace(0.1, 0.9, 5)
    ]
    flesh = [*slab, heel, ball_of_thumb, *web]
    return [*flesh, *(_line_on(flesh, line * stretch) for line in _PALM_LINES)]


def _line_on(flesh: list[Balls], points: Array) -> Balls:
    """A crease through the points, on the surface of the palm."""
    count = 40
    share = np.linspace(0, len(points) - 1, count)
    path = np.stack([np.interp(share, np.arange(len(points)), points[:, axis]) for axis in range(3)], axis=1)
    centers, radii = np.concatenate([part.centers for part in flesh]), np.concatenate([part.radii for part in flesh])
    distance = np.square(path[:, None, :2] - centers[None, :, :2]).sum(axis=2)
    path[:, 2] = (centers[:, 2] + np.sqrt(np.maximum(radii**2 - distance, 0))).max(axis=1) - 0.012
    return Balls(path.astype(np.float32), np.full(count, 0.02, np.float32), np.full(count, Material.CREASE, np.uint8))


def _between(points: Array, share: float) -> Array:
    """The point at a fractional index of n x 3 points."""
    return np.array([np.interp(share, np.arange(len(points)), points[:, axis]) for axis in range(3)], np.float32)


def _finger(shape: HandShape, pose: Pose, finger: int) -> list[Balls]:
    joints = _KNUCKLES[finger] * np.array([1.0, shape.palm_length, 1.0], np.float32)
    bends = np.radians(np.cumsum(pose.flexion[finger]))
    side = np.radians(pose.abduction[finger])
    directions = np.stack([np.sin(side) * np.cos(bends), np.cos(side) * np.cos(bends), np.sin(bends)], axis=1).astype(
        np.float32
    )
    back = np.array([np.sin(side) * np.sin(bends[2]), np.cos(side) * np.sin(bends[2]), -np.cos(bends[2])])
    lengths = _FINGER_LENGTHS[finger] * shape.finger_length * _PHALANGES
    return _digit(joints, directions, lengths, _FINGER_RADII[finger] * shape.finger_radius, back)


def _thumb(shape: HandShape, pose: Pose) -> list[Balls]:
    last = pose.thumb[2]
    back = _unit(np.array([-0.9, 0.35, -0.75]) - last * float(np.dot(last, [-0.9, 0.35, -0.75])))
    radii = _THUMB_RADII * (0.5 + 0.5 * shape.finger_radius)
    return _digit(_THUMB_BASE, pose.thumb, _THUMB_LENGTHS * shape.thumb_length, radii, back)


def _digit(start: Array, directions: Array, lengths: Array, radii: Array, back: Array) -> list[Balls]:
    """A finger: three bones, a crease at each of the two inner joints, and a nail on the back of the tip."""
    joints = [start]
    for direction, length in zip(directions, lengths, strict=True):
        joints.append(joints[-1] + direction * length)
    strings = [_string(joints[i], joints[i + 1], radii[i], radii[i + 1]) for i in range(3)]
    for i in (1, 2):
        half = directions[i] * radii[i] * 0.07
        strings.append(_string(joints[i] - half, joints[i] + half, radii[i] * 1.004, radii[i] * 1.004, Material.CREASE))
    tip, radius = joints[3], radii[3]
    root = tip - directions[2] * radius * 1.0 + back * radius * 0.50
    end = tip + directions[2] * radius * 0.30 + back * radius * 0.42
    strings.append(_string(root, end, radius * 0.66, radius * 0.62, Material.NAIL))
    return strings


def _arm(shape: HandShape) -> list[Balls]:
    """A bare forearm below the wrist, and a sleeve with a cuff that extends far out of the picture."""
    wrist, elbow = -0.12, -10.0
    cuff = wrist - shape.sleeve_start
    skin = [
        _string(_point(x, wrist, 0), _point(1.2 * x, cuff - 0.5, 0), 0.19, 0.22, Material.FOREARM)
        for x in (-0.1, 0, 0.1)
    ]
    radius = shape.sleeve_radius
    sleeve = _string(_point(0, cuff - 1.1 * radius, 0), _point(0, elbow, 0), radius, radius * 1.6, Material.SLEEVE)
    if shape.stripe_length > 0:
        striped = np.mod(-sleeve.centers[:, 1], 2 * shape.stripe_length) < shape.stripe_length
        sleeve.materials[striped] = Material.STRIPE
    return [*skin, sleeve, *(_ring(cuff - 0.08 * i, radius * 1.02, 0.07) for i in range(6))]


def _ring(y: float, radius: float, thickness: float) -> Balls:
    """A ring of balls around the arm."""
    count = int(1.3 * 2 * np.pi * radius / thickness)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    inner = radius - thickness
    centers = np.stack([inner * np.cos(angle), np.full(count, y), inner * np.sin(angle)], axis=1)
    return Balls(
        centers.astype(np.float32), np.full(count, thickness, np.float32), np.full(count, Material.SLEEVE, np.uint8)
    )


def _string(
    start: Array, end: Array, start_radius: float, end_radius: float, material: Material = Material.SKIN
) -> Balls:
    """A row of balls from one point to another, close enough to look like one piece."""
    count = 2 + int(np.linalg.norm(end - start) * _BALLS_PER_RADIUS / min(start_radius, end_radius))
    share = np.linspace(0, 1, count, dtype=np.float32)
    return Balls(
        centers=(start + share[:, None] * (end - start)).astype(np.float32),
        radii=(start_radius + share * (end_radius - start_radius)).astype(np.float32),
        materials=np.full(count, material, np.uint8),
    )


def _angles(values: object) -> Array:
    return np.array(values, np.float32)


def _point(x: float, y: float, z: float) -> Array:
    return np.array([x, y, z], np.float32)


def _unit(vectors: Array) -> Array:
    units: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return units.astype(np.float32)
