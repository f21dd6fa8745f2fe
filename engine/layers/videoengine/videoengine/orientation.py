"""The rotation of frames: phones store pictures as the sensor lies, and players rotate them for display."""

import struct
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """A rotation by a multiple of 90 degrees, possibly mirrored.

    Attributes:
        transposed: whether rows become columns. This is done before mirroring.
        mirrored_xy: whether left and right are swapped, and whether up and down are.
    """

    transposed: bool = False
    mirrored_xy: tuple[bool, bool] = False, False

    def turn_size(self, width: int, height: int) -> tuple[int, int]:
        """The displayed size of a stored picture of this size, and the stored size of a displayed one."""
        return (height, width) if self.transposed else (width, height)

    def turn[Level: np.generic](self, picture: NDArray[Level]) -> NDArray[Level]:
        """The displayed picture of a stored one.

        Args:
            picture: (height, width) or (height, width, channels).

        Returns:
            A view of `picture`.
        """
        turned = picture.swapaxes(0, 1) if self.transposed else picture
        step_x, step_y = (-1 if mirrored else 1 for mirrored in self.mirrored_xy)
        return turned[::step_y, ::step_x]


def read_orientation(frame: VideoFrame) -> Orientation:
    """Reads the frame's display matrix. Without one, or for other angles, the picture is displayed as it is stored."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not matrix:
        return Orientation()
    # ISO/IEC 14496-12, 6.2.2: x is displayed at a x + c y, y at b x + d y.
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    if a == d == 0:
        return Orientation(transposed=True, mirrored_xy=(c < 0, b < 0))
    if b == c == 0:
        return Orientation(mirrored_xy=(a < 0, d < 0))
    return Orientation()
