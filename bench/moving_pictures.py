"""Writes videos for benchmarks: textured objects that move in front of a moving camera."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

type Picture = NDArray[np.uint8]

PATCHES = 8
MARGIN_XY = 800, 400
"""The distance in pixels that the camera moves, horizontally and vertically."""


def write_video(path: Path, width: int, height: int, rate: int, gop_size: int, seconds: float | Fraction) -> None:
    """Writes H.264 in MP4 with x264's defaults, but with a keyframe every `gop_size` frames."""
    random = np.random.default_rng(0)
    scene = _draw_texture(width + MARGIN_XY[0], height + MARGIN_XY[1], random)
    patches = [(_draw_texture(width // 6, height // 5, random), random.random(4)) for _ in range(PATCHES)]
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", gop_size
        for index in range(round(seconds * rate)):
            picture = _draw_frame(scene, patches, (width, height), index / rate)
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _draw_texture(width: int, height: int, random: np.random.Generator) -> Picture:
    """Noise that is weaker in finer details, as in photographs."""
    total, cells, strength = np.zeros((height, width, 3), dtype=np.float32), 4, 1.0
    while cells <= max(width, height) // 2:
        noise = random.integers(0, 255, (cells * height // width + 2, cells + 1, 3), dtype=np.uint8)
        frame = VideoFrame.from_ndarray(noise, format="rgb24").reformat(width, height, interpolation="BICUBIC")
        total += strength * frame.to_ndarray()
        cells, strength = 2 * cells, 0.62 * strength
    return (255 * (total - total.min()) / (total.max() - total.min())).astype(np.uint8)


def _draw_frame(
    scene: Picture, patches: list[tuple[Picture, NDArray[np.float64]]], size: tuple[int, int], seconds: float
) -> Picture:
    (width, height), (margin_x, margin_y) = size, MARGIN_XY
    left, top = (int(margin * (1 + np.sin(seconds / pace)) / 2) for margin, pace in ((margin_x, 3), (margin_y, 4.1)))
    picture = scene[top : top + height, left : left + width].copy()
    for patch, (pace_x, phase_x, pace_y, phase_y) in patches:
        patch_height, patch_width = patch.shape[:2]
        x = int((width - patch_width) * (1 + np.sin(seconds * (0.3 + pace_x) + 6 * phase_x)) / 2)
        y = int((height - patch_height) * (1 + np.sin(seconds * (0.3 + pace_y) + 6 * phase_y)) / 2)
        picture[y : y + patch_height, x : x + patch_width] = patch
    return picture
