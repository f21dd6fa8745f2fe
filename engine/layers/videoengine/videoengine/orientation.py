"""How a player turns a frame before it shows it: phones write pictures as the sensor lies."""

import struct
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """A turn by right angles, mirrored or not.

    Attributes:
        transposed: rows become columns, before the picture is mirrored.
        mirrored_xy: left is right, up is down.
    """

    transposed: bool = False
    mirrored_xy: tuple[bool, bool] = False, False

    def turn_size(self, width: int, height: int) -> tuple[int, int]:
        """Of a picture as it is stored, that of what is shown; and the other way round."""
        return (height, width) if self.transposed else (width, height)

    def turn[Level: np.generic](self, picture: NDArray[Level]) -> NDArray[Level]:
        """What is shown (height, width, channels) of a picture as it is stored; a view."""
        turned = picture.swapaxes(0, 1) if self.transposed else picture
        step_x, step_y = (-1 if mirrored else 1 for mirrored in self.mirrored_xy)
        return turned[::step_y, ::step_x]


def read_orientation(frame: VideoFrame) -> Orientation:
    """From the frame's display matrix; as it is stored where it has none, or one that is no turn by right angles."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not matrix:
        return Orientation()
    # ISO/IEC 14496-12, 6.2.2: x is shown at a x + c y, y at b x + d y.
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if a == d == 0:
        return Orientation(transposed=True, mirrored_xy=(c < 0, b < 0))
    if b == c == 0:
        return Orientation(mirrored_xy=(a < 0, d < 0))
    return Orientation()
