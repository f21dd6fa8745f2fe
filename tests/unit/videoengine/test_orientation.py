"""Pictures that are stored rotated, as phones store them: models get them as players show them."""

import io
import struct
from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.frames import read_frames
from videoengine.model_packages import NetworkInput
from videoengine.orientation import read_orientation
from videoengine.preprocessing import FramePreprocessor
from videoengine.segments import select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

UNIT = 1 << 16
UPRIGHT = UNIT, 0, 0, UNIT

# ISO/IEC 14496-12, 6.2.2: a, b, c, d of x' = a x + c y, y' = b x + d y. The values say what is shown if the stored
# picture's quarters are
# AB
# CD
MATRICES = {
    "upright": (UPRIGHT, "AB CD"),
    "a quarter to the right": ((0, UNIT, -UNIT, 0), "CA DB"),
    "upside down": ((-UNIT, 0, 0, -UNIT), "DC BA"),
    "a quarter to the left": ((0, -UNIT, UNIT, 0), "BD AC"),
    "mirrored": ((-UNIT, 0, 0, UNIT), "BA DC"),
    "mirrored and turned": ((0, UNIT, UNIT, 0), "AC BD"),
    "by 45 degrees, which is left as it is": ((46341, 46341, -46341, 46341), "AB CD"),
}


def set_matrix(video: bytes, a: int, b: int, c: int, d: int) -> bytes:
    """Returns the MP4 with another matrix in its track header."""
    track = video.index(b"tkhd")
    start = video.index(pack_matrix(*UPRIGHT), track)
    matrix = pack_matrix(a, b, c, d)
    return video[:start] + matrix + video[start + len(matrix) :]


def pack_matrix(a: int, b: int, c: int, d: int) -> bytes:
    return struct.pack(">5i", a, b, 0, c, d)


def read_first_frame(video: bytes) -> VideoFrame:
    with open_video(io.BytesIO(video)) as container:
        frames = select_frames(read_timeline(container), Fraction(1))
    with open_video(io.BytesIO(video)) as container:
        _, picture = next(read_frames(container, frames))
    return picture


def make_network_input() -> NetworkInput:
    return NetworkInput(64, 64, "rgb", "letterbox", padding_value=0, scaling_factor=255.0, mean=None, std=None)


@pytest.mark.parametrize(("matrix", "shown"), MATRICES.values(), ids=MATRICES)
def test_quarters_are_where_a_player_shows_them(matrix: tuple[int, int, int, int], shown: str) -> None:
    frame = read_first_frame(set_matrix(make_video(VideoSpec(frames=1)), *matrix))
    orientation = read_orientation(frame)
    quarters = np.array([list("AB"), list("CD")])
    assert [list(row) for row in shown.split()] == orientation.turn(quarters).tolist()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_model_gets_the_rotated_picture_and_boxes_are_in_its_pixels(rotation: int) -> None:
    preprocessor = FramePreprocessor(make_network_input())
    upright, turned = np.zeros((2, 64, 64, 3), dtype=np.uint8)
    preprocessor.prepare(read_first_frame(make_video(VideoSpec(frames=1, texture=True))), upright)
    rotated = make_video(VideoSpec(frames=1, texture=True, rotation=rotation))
    placement = preprocessor.prepare(read_first_frame(rotated), turned)
    expected: NDArray[np.uint8] = np.rot90(upright, rotation // 90)
    np.testing.assert_allclose(turned.astype(int), expected.astype(int), atol=1)
    assert placement.resolution_wh == ((48, 64) if rotation % 180 else (64, 48))
