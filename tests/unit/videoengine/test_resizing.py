"""What a model sees is what Roboflow's runner, by OpenCV, would show it."""

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoengine.resizing import FrameResizer

SIDES = st.integers(9, 200)
"""Of fewer FFmpeg makes something else."""


def resize_plainly(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float64]:
    """Bilinear between the centres of pixels, with no smoothing."""
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
def test_every_size_comes_from_every_other_as_in_opencv(
    width: int, height: int, new_width: int, new_height: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="rgb24")
    resized = np.stack(FrameResizer().resize(frame, new_width, new_height), axis=-1)
    assert np.abs(resized - resize_plainly(picture, new_width, new_height)).max() <= 2


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "gray"])
def test_colors_are_those_that_pyav_gives_others(pixel_format: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
    kept = np.stack(FrameResizer().resize(frame, 128, 96), axis=-1).astype(int)
    assert np.abs(kept - frame.to_ndarray(format="rgb24")).max() <= 1
