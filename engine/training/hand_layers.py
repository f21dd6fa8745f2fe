"""Renders a posed hand as a picture layer: shaded balls with a depth buffer, in orthographic projection."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.training.hand_poses import Array, Balls, Material

_NOTHING = -1e6
_SHADE_WARMTH = np.array([1.0, 1.12, 1.2], np.float32)
"""Exponents of the light for R, G, B: skin in shadow is redder than lit skin."""
_GLOSS = np.array([0.06, 0.06, 0.22, 0.06, 0.0, 0.0], np.float32)
"""Strength of the highlight, by `Material`."""


@dataclass(frozen=True)
class View:
    """The position of a hand, and the side from which it is seen.

    Attributes:
        x, y: middle of the palm, pixels.
        palm_width: pixels.
        roll: clockwise rotation in the picture, degrees.
        yaw: degrees; 0 shows the palm, 180 the back of the hand.
        pitch: degrees; positive values turn the fingertips towards the viewer.
        mirrored: whether it is a left hand.
    """

    x: float
    y: float
    palm_width: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Look:
    """The colors of a hand and its light.

    Attributes:
        skin, sleeve, stripe: RGB 0..1.
        light: direction towards the light: x right, y down, z to the viewer.
        ambient: share of the light that comes from all directions.
    """

    skin: tuple[float, float, float]
    sleeve: tuple[float, float, float]
    stripe: tuple[float, float, float]
    light: tuple[float, float, float] = (-0.4, -0.6, 0.7)
    ambient: float = 0.45


@dataclass(frozen=True)
class Layer:
    """A drawn hand, in the size of the picture. All values are 0..1.

    Attributes:
        color: h x w x 3, multiplied by the coverage.
        coverage: h x w.
        hand_coverage: h x w, of the hand without its arm.
    """

    color: Array
    coverage: Array
    hand_coverage: Array


@dataclass(frozen=True)
class _Surface:
    """The nearest surface at each pixel: height in pixels, normal's x and y, material, coverage."""

    height: Array
    normal_x: Array
    normal_y: Array
    material: npt.NDArray[np.uint8]
    coverage: Array


def draw_hand(balls: Balls, view: View, look: Look, width: int, height: int, supersampling: int = 2) -> Layer:
    """Draws only the hand and its arm, on a picture of `width` x `height` pixels."""
    layer = Layer(
        color=np.zeros((height, width, 3), np.float32),
        coverage=np.zeros((height, width), np.float32),
        hand_coverage=np.zeros((height, width), np.float32),
    )
    centers, radii = _place(balls.centers, view), balls.radii * view.palm_width
    left, top = np.clip((centers[:, :2] - radii[:, None]).min(axis=0).astype(int) - 1, 0, [width, height])
    right, bottom = np.clip((centers[:, :2] + radii[:, None]).max(axis=0).astype(int) + 2, 0, [width, height])
    if left >= right or top >= bottom:
        return layer
    centers = (centers - np.array([left, top, 0], np.float32)) * supersampling
    size = (right - left) * supersampling, (bottom - top) * supersampling
    surface = _scan(centers, radii * supersampling, balls.materials, *size)
    color = _shade(surface, look, view.palm_width * supersampling)
    hand = surface.coverage * (surface.material <= Material.NAIL)
    layer.color[top:bottom, left:right] = _reduce(color * surface.coverage[..., None], supersampling)
    layer.coverage[top:bottom, left:right] = _reduce(surface.coverage[..., None], supersampling)[..., 0]
    layer.hand_coverage[top:bottom, left:right] = _reduce(hand[..., None], supersampling)[..., 0]
    return layer


def hand_extent(balls: Balls, view: View) -> tuple[float, float, float, float]:
    """The box (x1, y1, x2, y2 in pixels) of the hand without its arm. It may lie outside the picture."""
    hand = balls.materials <= Material.NAIL
    centers, radii = _place(balls.centers[hand], view), (balls.radii[hand] * view.palm_width)[:, None]
    (x1, y1), (x2, y2) = (centers[:, :2] - radii).min(axis=0), (centers[:, :2] + radii).max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def _place(points: Array, view: View) -> Array:
    """Converts points from palm widths in the hand's axes to pixels: x right, y down, z to the viewer."""
    points = points - np.array([0.0, 0.55, 0.0], np.float32)
    yaw, pitch, roll = np.radians([view.yaw, view.pitch, view.roll])
    turn = _rotation(2, roll) @ np.diag([1.0, -1.0, 1.0]) @ _rotation(0, pitch) @ _rotation(1, yaw)
    if view.mirrored:
        points = points * np.array([-1.0, 1.0, 1.0], np.float32)
    placed: Array = points @ turn.T * view.palm_width + np.array([view.x, view.y, 0.0])
    return placed.astype(np.float32)


def _rotation(axis: int, angle: float) -> npt.NDArray[np.float64]:
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def _scan(centers: Array, radii: Array, materials: npt.NDArray[np.uint8], width: int, height: int) -> _Surface:
    """Draws all balls into the depth buffer."""
    depths = np.full((height, width), _NOTHING, np.float32)
    nearest = np.full((height, width), -1, np.int32)
    rows, columns = np.arange(height, dtype=np.float32) + 0.5, np.arange(width, dtype=np.float32) + 0.5
    spheres = np.column_stack([centers, radii]).tolist()
    for i, (x, y, z, radius) in enumerate(spheres):
        top, bottom = max(int(y - radius), 0), min(int(y + radius) + 2, height)
        left, right = max(int(x - radius), 0), min(int(x + radius) + 2, width)
        if top >= bottom or left >= right:
            continue
        inside = (radius * radius - np.square(rows[top:bottom] - y))[:, None] - np.square(columns[left:right] - x)
        depth = np.where(inside > 0, z + np.sqrt(np.abs(inside)), _NOTHING)
        nearer = depth > depths[top:bottom, left:right]
        depths[top:bottom, left:right][nearer] = depth[nearer]
        nearest[top:bottom, left:right][nearer] = i
    return _Surface(
        height=depths,
        normal_x=(columns[None, :] - centers[nearest, 0]) / radii[nearest],
        normal_y=(rows[:, None] - centers[nearest, 1]) / radii[nearest],
        material=materials[nearest],
        coverage=(nearest >= 0).astype(np.float32),
    )


def _shade(surface: _Surface, look: Look, palm_width: float) -> Array:
    """Diffuse light, a soft highlight, dark folds and a dark rim; h x w x 3."""
    x, y, z = np.array(look.light) / np.linalg.norm(look.light)
    normal_x, normal_y, normal_z = _smooth_normals(surface, max(1, round(0.03 * palm_width)))
    diffuse = np.maximum(normal_x * x + normal_y * y + normal_z * z, 0)
    folds = _fold_shadows(surface, palm_width)
    rim = 0.62 + 0.38 * np.clip(normal_z / 0.45, 0, 1)
    light = (look.ambient + (1 - look.ambient) * diffuse) * folds * rim
    shaded = _colors(look)[surface.material] * light[..., None] ** _SHADE_WARMTH
    highlight = np.maximum(normal_x * x * 0.5 + normal_y * y * 0.5 + normal_z * (z + 1) / 2, 0) ** 24
    lit: Array = shaded + (highlight * folds * _GLOSS[surface.material])[..., None]
    return np.clip(lit, 0, 1).astype(np.float32)


def _fold_shadows(surface: _Surface, palm_width: float) -> Array:
    """Ambient occlusion: below 1 where the surface lies deeper than its surroundings."""
    floor = np.where(surface.coverage > 0, surface.height, 0)
    depth: Array = np.zeros_like(floor)
    for radius, weight in ((0.05, 1.6), (0.16, 1.0)):
        pixels = max(1, round(radius * palm_width))
        around = blur(floor, pixels) / np.maximum(blur(surface.coverage, pixels), 1e-3)
        depth = depth + weight * np.maximum(around - floor, 0) / palm_width
    return np.exp(-3.5 * np.minimum(depth, 0.35))


def _smooth_normals(surface: _Surface, radius: int) -> tuple[Array, Array, Array]:
    """Averages normals over their neighborhood, because flesh bulges less than the balls that it is made of."""
    normals = np.stack([surface.normal_x, surface.normal_y, np.ones_like(surface.coverage)], axis=2)
    normals *= surface.coverage[..., None]
    normals = blur(blur(normals, radius), radius)
    x, y = (normals[..., axis] / np.maximum(normals[..., 2], 1e-3) for axis in (0, 1))
    return x, y, np.sqrt(np.maximum(1 - x * x - y * y, 0))


def _colors(look: Look) -> Array:
    skin = np.array(look.skin)
    nail = np.clip(skin * 0.5 + np.array([0.50, 0.40, 0.41]), 0, 1)
    return np.array([skin, skin * [0.86, 0.79, 0.77], nail, skin, look.sleeve, look.stripe], np.float32)


def blur(plane: Array, radius: int) -> Array:
    """The mean over a square of 2 * radius + 1 pixels, for h x w or h x w x n. Edge pixels are repeated outside."""
    for axis in (0, 1):
        size = plane.shape[axis]
        padding = [(radius + 1, radius) if i == axis else (0, 0) for i in range(plane.ndim)]
        sums = np.cumsum(np.pad(plane, padding, mode="edge"), axis=axis, dtype=np.float64)
        upper, lower = np.arange(size) + 2 * radius + 1, np.arange(size)
        plane = ((sums.take(upper, axis) - sums.take(lower, axis)) / (2 * radius + 1)).astype(np.float32)
    return plane


def _reduce(values: Array, factor: int) -> Array:
    height, width = values.shape[0] // factor, values.shape[1] // factor
    return values.reshape(height, factor, width, factor, -1).mean(axis=(1, 3)).astype(np.float32)
