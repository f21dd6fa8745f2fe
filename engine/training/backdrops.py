"""Backdrops without hands: gradients, textures, rooms, and clutter that a detector must learn to ignore."""

import math

import numpy as np
from PIL import Image, ImageDraw

from engine.training.hand_layers import blur
from engine.training.hand_poses import Array

Color = tuple[float, float, float]


def draw_backdrop(rng: np.random.Generator, width: int, height: int) -> Array:
    """A random backdrop, h x w x 3, RGB 0..1."""
    kinds = (_gradient, _cloth, _room, _tiles)
    picture = kinds[int(rng.integers(len(kinds)))](rng, width, height)
    texture = _noise(rng, width, height, int(rng.integers(2, 30)))[..., None] * rng.uniform(0, 0.2)
    return np.clip(draw_clutter(rng, picture + texture, int(rng.integers(0, 9))), 0, 1).astype(np.float32)


def draw_desk(rng: np.random.Generator, width: int, height: int) -> Array:
    """A desk before a dim wall with blurred lights. No training picture has this backdrop, only the sample clip."""
    rows, columns = _grid(width, height)
    wall = np.array([0.16, 0.24, 0.30]) + 0.16 * np.exp(-(((columns - 0.3) / 0.5) ** 2) - (rows / 0.6) ** 2)[..., None]
    grain = _noise(rng, width, height, 6) * 0.02 + _noise(rng, 1, height, 2) * 0.015
    desk = np.array([0.50, 0.36, 0.24]) * (0.75 + 0.5 * (rows - 0.6))[..., None] + grain[..., None]
    picture = np.where((rows > 0.74)[..., None], desk, wall)
    for _ in range(14):
        x, y, radius = rng.uniform(0, 1), rng.uniform(0.02, 0.6), rng.uniform(0.02, 0.07)
        distance = np.hypot((columns - x) * width / height, rows - y)
        disc = np.clip((radius - distance) * 60 + 0.5, 0, 1)
        picture = picture + disc[..., None] * np.array(_color(rng)) * rng.uniform(0.08, 0.25)
    return np.clip(blur(picture.astype(np.float32), 2), 0, 1)


def draw_clutter(rng: np.random.Generator, picture: Array, count: int) -> Array:
    """Adds shapes that are not hands. Some have the color of skin and the length of fingers."""
    height, width = picture.shape[:2]
    for _ in range(count):
        mask = _shape_mask(rng, width, height)
        color = np.array(sample_skin(rng) if rng.random() < 0.4 else _color(rng))
        shading = 1 + rng.uniform(-0.35, 0.35) * _ramp(rng, width, height)
        picture = picture + mask[..., None] * (np.clip(color * shading[..., None], 0, 1) - picture)
    return picture.astype(np.float32)


def sample_skin(rng: np.random.Generator) -> Color:
    """A random skin tone between very light and very dark, RGB 0..1."""
    tones = np.array(
        [
            [0.97, 0.85, 0.77],
            [0.93, 0.74, 0.62],
            [0.83, 0.62, 0.47],
            [0.68, 0.47, 0.33],
            [0.50, 0.33, 0.23],
            [0.32, 0.21, 0.16],
        ]
    )
    share = rng.uniform(0, len(tones) - 1)
    red, green, blue = (float(np.interp(share, range(len(tones)), tones[:, i]) + rng.normal(0, 0.02)) for i in range(3))
    return min(max(red, 0), 1), min(max(green, 0), 1), min(max(blue, 0), 1)


def _gradient(rng: np.random.Generator, width: int, height: int) -> Array:
    share = _ramp(rng, width, height)[..., None] * 0.5 + 0.5
    mixed: Array = np.array(_color(rng)) * share + np.array(_color(rng)) * (1 - share)
    return mixed.astype(np.float32)


def _cloth(rng: np.random.Generator, width: int, height: int) -> Array:
    base = _gradient(rng, width, height)
    for cells, depth in ((3, 0.35), (8, 0.25), (24, 0.15)):
        base = base + _noise(rng, width, height, cells)[..., None] * np.array(_color(rng)) * rng.uniform(0, 2 * depth)
    return base


def _room(rng: np.random.Generator, width: int, height: int) -> Array:
    rows, columns = _grid(width, height)
    edge = rng.uniform(0.3, 0.9) + rng.uniform(-0.2, 0.2) * columns
    return np.where((rows > edge)[..., None], _cloth(rng, width, height), _gradient(rng, width, height))


def _tiles(rng: np.random.Generator, width: int, height: int) -> Array:
    rows, columns = _grid(width, height)
    turn, pitch = rng.uniform(0, math.pi), rng.uniform(4, 24)
    first = np.sin((columns * math.cos(turn) + rows * math.sin(turn)) * pitch * 2)
    second = np.sin((rows * math.cos(turn) - columns * math.sin(turn)) * pitch * rng.integers(0, 2) * 2 + 1)
    share = 1 / (1 + np.exp(-first * second * rng.uniform(1, 12)))
    return _gradient(rng, width, height) * share[..., None] + _gradient(rng, width, height) * (1 - share[..., None])


def _shape_mask(rng: np.random.Generator, width: int, height: int) -> Array:
    """Coverage of one ellipse, polygon, rod or fan of rods, smoothed."""
    scale = 2
    image = Image.new("L", (width * scale, height * scale))
    draw = ImageDraw.Draw(image)
    x, y = rng.uniform(0, width * scale), rng.uniform(0, height * scale)
    size = math.exp(rng.uniform(math.log(0.05), math.log(0.6))) * min(width, height) * scale
    kind = rng.integers(4)
    if kind == 0:
        aspect = rng.uniform(0.3, 1)
        draw.ellipse((x - size / 2, y - size / 2 * aspect, x + size / 2, y + size / 2 * aspect), fill=255)
    elif kind == 1:
        angles = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 7)))
        draw.polygon([(x + size / 2 * math.cos(a), y + size / 2 * math.sin(a)) for a in angles], fill=255)
    else:
        thickness = max(2, int(size * rng.uniform(0.06, 0.3)))
        for _ in range(1 if kind == 2 else int(rng.integers(2, 4))):
            angle = rng.uniform(0, 2 * math.pi)
            end = x + size * math.cos(angle), y + size * math.sin(angle)
            draw.line((x, y, *end), fill=255, width=thickness)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float32) / 255


def _noise(rng: np.random.Generator, width: int, height: int, cells: int) -> Array:
    """Smooth noise with mean 0, about -1..1; `cells` is the number of noise cells along the longer side."""
    longer = max(width, height)
    shape = max(2, cells * height // longer), max(2, cells * width // longer)
    image = Image.fromarray(rng.uniform(-1, 1, shape).astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def _ramp(rng: np.random.Generator, width: int, height: int) -> Array:
    """A gradient from -1 to 1 across the picture, in a random direction."""
    rows, columns = _grid(width, height)
    angle = rng.uniform(0, 2 * math.pi)
    ramp: Array = (2 * columns - 1) * math.cos(angle) + (2 * rows - 1) * math.sin(angle)
    return np.clip(ramp, -1, 1)


def _grid(width: int, height: int) -> tuple[Array, Array]:
    """The row and column of each pixel as 0..1, h x w each."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows / max(height - 1, 1), columns / max(width - 1, 1)


def _color(rng: np.random.Generator) -> Color:
    red, green, blue = (float(value) for value in rng.uniform(0.03, 0.97, 3))
    gray, share = (red + green + blue) / 3, float(rng.uniform(0.2, 1))
    return red + (gray - red) * share, green + (gray - green) * share, blue + (gray - blue) * share
