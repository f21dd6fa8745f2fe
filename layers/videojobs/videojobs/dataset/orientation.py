"""How players rotate and mirror a video's frames, for pictures and for points on them."""

import struct
from dataclasses import dataclass
from typing import Self

from av.video.frame import VideoFrame
from PIL import Image
from PIL.Image import Transpose

type Size = tuple[int, int]
type Point = tuple[float, float]


@dataclass(frozen=True)
class FrameTurn:
    """How players turn a frame: by right angles, and perhaps mirrored.

    Attributes:
        stored_size: Width and height of the frame as it is stored.
        is_transposed: Whether rows become columns. This is done before mirroring.
        mirrored_xy: Whether left and right are swapped, and whether up and down are.
    """

    stored_size: Size
    is_transposed: bool = False
    mirrored_xy: tuple[bool, bool] = False, False

    @classmethod
    def read(cls, frame: VideoFrame) -> Self:
        """Reads a frame's display matrix. Without one, or for other angles, players show the frame as it is stored."""
        size = frame.width, frame.height
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if not matrix:
            return cls(size)
        # ISO/IEC 14496-12, 6.2.2: x is shown at a x + c y, y at b x + d y.
        a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
        if a == d == 0:
            return cls(size, is_transposed=True, mirrored_xy=(c < 0, b < 0))
        if b == c == 0:
            return cls(size, mirrored_xy=(a < 0, d < 0))
        return cls(size)

    @property
    def shown_size(self) -> Size:
        """Width and height of the frame that players show."""
        width, height = self.stored_size
        return (height, width) if self.is_transposed else (width, height)

    def turn_picture(self, picture: Image.Image) -> Image.Image:
        """Returns the shown picture of a stored frame."""
        turns = [(self.is_transposed, Transpose.TRANSPOSE)]
        turns += zip(self.mirrored_xy, (Transpose.FLIP_LEFT_RIGHT, Transpose.FLIP_TOP_BOTTOM), strict=True)
        for is_needed, turn in turns:
            picture = picture.transpose(turn) if is_needed else picture
        return picture

    def turn_point(self, point: Point) -> Point:
        """Returns where a point of the stored frame is shown."""
        x, y = point[::-1] if self.is_transposed else point
        return (
            self.shown_size[0] - x if self.mirrored_xy[0] else x,
            self.shown_size[1] - y if self.mirrored_xy[1] else y,
        )
