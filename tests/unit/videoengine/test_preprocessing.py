"""Scaling frames for the network, and boxes back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoengine.families import ResizeMode
from videoengine.model_packages import NetworkInput
from videoengine.preprocessing import FramePreprocessor, Placement, place_frame


def make_input(resize_mode: ResizeMode = "letterbox", **changes: Any) -> NetworkInput:
    square = NetworkInput(640, 640, "rgb", resize_mode, padding_value=114, scaling_factor=255.0, mean=None, std=None)
    return replace(square, **changes)


@pytest.mark.parametrize(
    ("resolution_wh", "network_input", "resized_wh", "offset_xy", "scale_xy"),
    [
        pytest.param((640, 360), make_input(), (640, 360), (0, 140), (1, 1), id="wide"),
        pytest.param((360, 640), make_input(), (360, 640), (140, 0), (1, 1), id="tall"),
        pytest.param((768, 432), make_input(), (640, 360), (0, 140), (640 / 768,) * 2, id="scaled down"),
        pytest.param((320, 240), make_input(), (640, 480), (0, 80), (2, 2), id="scaled up"),
        pytest.param((1000, 333), make_input(), (640, 213), (0, 213), (0.64, 0.64), id="odd margins: the larger below"),
        pytest.param((10_000, 1), make_input(), (640, 1), (0, 319), (0.064, 0.064), id="never without height"),
        pytest.param((768, 432), make_input("stretch"), (640, 640), (0, 0), (640 / 768, 640 / 432), id="stretched"),
        pytest.param((800, 333), make_input("center-crop"), (800, 333), (-80, 153), (1, 1), id="cropped and padded"),
        pytest.param((641, 643), make_input("center-crop"), (641, 643), (0, -1), (1, 1), id="the odd pixel below goes"),
        pytest.param((1280, 640), make_input("cover"), (1280, 640), (-320, 0), (1, 1), id="covered"),
        pytest.param((320, 360), make_input(width=320), (320, 360), (0, 140), (1, 1), id="an input that is not square"),
    ],
)
def test_a_frame_is_placed_as_the_resize_mode_says(
    resolution_wh: tuple[int, int],
    network_input: NetworkInput,
    resized_wh: tuple[int, int],
    offset_xy: tuple[int, int],
    scale_xy: tuple[float, float],
) -> None:
    assert place_frame(*resolution_wh, network_input) == Placement(resolution_wh, resized_wh, offset_xy, scale_xy)


@given(
    st.tuples(st.integers(16, 4000), st.integers(16, 4000)),
    st.sampled_from(["letterbox", "stretch", "center-crop", "cover"]),
    st.tuples(*[st.integers(0, 15)] * 4),
)
def test_boxes_are_scaled_back_to_the_frame(
    resolution_wh: tuple[int, int], resize_mode: ResizeMode, box: tuple[int, int, int, int]
) -> None:
    placement = place_frame(*resolution_wh, make_input(resize_mode))
    xyxy = np.array([box], dtype=np.float32)
    in_network = xyxy * np.tile(placement.scale_xy, 2) + np.tile(placement.offset_xy, 2)
    assert placement.to_frame(in_network.astype(np.float32)).tolist() == xyxy.tolist()


def test_boxes_are_clipped_to_the_frame_in_whole_pixels() -> None:
    placement = place_frame(640, 360, make_input())
    outside = np.array([[-5, 100, 700, 600], [10.4, 150.6, 20.6, 160.4]], dtype=np.float32)
    assert placement.to_frame(outside).tolist() == [[0, 0, 640, 360], [10, 11, 21, 20]]


def make_frame(width: int, height: int, rgb: tuple[int, int, int]) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((height, width, 3), rgb, dtype=np.uint8), format="rgb24")


def prepare(frame: VideoFrame, network_input: NetworkInput) -> tuple[NDArray[np.uint8], Placement]:
    # Left over from another frame.
    picture = np.full((network_input.height, network_input.width, 3), 7, dtype=np.uint8)
    return picture, FramePreprocessor(network_input).prepare(frame, picture)


def test_a_letterboxed_frame_is_between_margins_of_the_padding_value() -> None:
    picture, placement = prepare(make_frame(128, 64, (200, 100, 50)), make_input(width=64, height=64))
    assert placement.offset_xy == (0, 16)
    assert (picture[:16] == 114).all()
    assert (picture[48:] == 114).all()
    assert np.abs(picture[16:48].astype(int) - (200, 100, 50)).max() <= 1


def test_colors_are_in_the_model_s_order() -> None:
    frame = make_frame(64, 64, (200, 100, 50))
    picture, _ = prepare(frame, make_input("stretch", width=32, height=16, color_mode="bgr"))
    assert picture.shape == (16, 32, 3)
    assert np.abs(picture.astype(int) - (50, 100, 200)).max() <= 1


def test_a_cropped_frame_keeps_its_middle_and_gets_black_margins() -> None:
    pixels = np.zeros((16, 64, 3), dtype=np.uint8)
    pixels[:, 16:48] = 200
    frame = VideoFrame.from_ndarray(pixels, format="rgb24")
    picture, placement = prepare(frame, make_input("center-crop", width=32, height=32))
    assert placement.offset_xy == (-16, 8)
    assert (picture[8:24] == 200).all()
    assert not picture[:8].any()
    assert not picture[24:].any()


def test_a_covering_frame_leaves_no_margin() -> None:
    picture, _ = prepare(make_frame(96, 64, (200, 100, 50)), make_input("cover", width=32, height=32))
    assert np.abs(picture.astype(int) - (200, 100, 50)).max() <= 1
