"""A model gets the same pixels as from Roboflow's runner with OpenCV."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.opencv_pixels import make_frame
from videoengine.resizing import FrameResizer

SIDES = st.integers(9, 200)
"""Below this size FFmpeg scales differently."""


def resize_plainly(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float64]:
    """Bilinear interpolation between pixel centers, without smoothing."""
    (above, below, down), (before, after, across) = (
        _neighbours(new, old) for new, old in ((height, picture.shape[0]), (width, picture.shape[1]))
    )
    rows = picture[above] * (1 - down)[:, None, None] + picture[below] * down[:, None, None]
    columns: NDArray[np.float64] = rows[:, before] * (1 - across)[:, None] + rows[:, after] * across[:, None]
    return columns


def _neighbours(new: int, old: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    before = np.floor(places).astype(np.intp)
    return before, np.minimum(before + 1, old - 1), places - before


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_every_size_is_scaled_to_every_other_as_in_opencv(
    width: int, height: int, new_width: int, new_height: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    resized = np.stack(FrameResizer().resize(frame, new_width, new_height), axis=-1)
    assert np.abs(resized - resize_plainly(picture, new_width, new_height)).max() <= 2


OPENCV_PIXELS = json.loads(Path(__file__).with_name("opencv_pixels.json").read_text())["rgb"]


@pytest.mark.parametrize("name", OPENCV_PIXELS)
def test_colors_are_those_of_opencv(name: str) -> None:
    """`python -m bench.opencv_pixels` made the expected values."""
    pixel_format, _, size = name.partition(" ")
    width, height = map(int, size.split("x"))
    expected = np.frombuffer(base64.b64decode(OPENCV_PIXELS[name]), dtype=np.uint8).reshape(height, width, 3)
    kept = np.stack(FrameResizer().resize(make_frame(pixel_format, width, height), width, height), axis=-1)
    assert np.abs(kept.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [(128, 96), (128, 95), (127, 95), (127, 96)])
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "yuv422p10le", "gray", "bgra"]
)
def test_every_format_and_size_has_the_colors_that_ffmpeg_gives_opencv(
    pixel_format: str, size: tuple[int, int]
) -> None:
    frame = make_frame(pixel_format, *size)
    kept = np.stack(FrameResizer().resize(frame, *size), axis=-1).astype(int)
    # OpenCV calls FFmpeg with this interpolation: modules/videoio/src/cap_ffmpeg_impl.hpp.
    opencvs = frame.reformat(format="bgr24", interpolation=Interpolation.BICUBIC).to_ndarray()[..., ::-1]
    assert np.abs(kept - opencvs).max() <= 1
