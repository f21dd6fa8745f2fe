"""Resizes frames as OpenCV's `INTER_LINEAR` and so Roboflow's runner does: a model sees the same pixels."""

from collections.abc import Sequence

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Channel = NDArray[np.uint8]
"""(height, width) levels, 0 to 255."""

_ROUNDING = 128
"""Half of what the lower byte holds, which is then left out."""

_SEPARATED_ALIKE = "yuv420p", "yuvj420p"
"""Pixel formats of which FFmpeg computes the same colors in planes as in pixels, where the height is even."""


class FrameResizer:
    """Keeps FFmpeg's scalers from frame to frame."""

    def __init__(self, *, bicubic: bool = False) -> None:
        """Bilinear, or else bicubic, which is smoothed where a frame becomes smaller."""
        self._bicubic = bicubic
        self._converter, self._separator, self._scaler = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def resize(self, frame: VideoFrame, width: int, height: int) -> Sequence[Channel]:
        """Red, green and blue of a frame; to be used before the next."""
        if self._bicubic:
            return _read_planes(
                self._separator.reformat(frame, width, height, "gbrp", interpolation=Interpolation.BICUBIC, threads=1)
            )
        if frame.format.name not in _SEPARATED_ALIKE or frame.height % 2:
            # As OpenCV reads videos: FFmpeg rounds to rgb24 otherwise, and interpolates colors otherwise by default.
            frame = self._converter.reformat(frame, format="bgr24", interpolation=Interpolation.BICUBIC, threads=1)
        channels = _read_planes(self._separator.reformat(frame, format="gbrp", threads=1))
        if (frame.width, frame.height) == (width, height):
            return channels
        return [self._scale(channel, width, height) for channel in channels]

    def _scale(self, channel: Channel, width: int, height: int) -> Channel:
        """Each level from the four around its place, however many there are between one place and the next.

        FFmpeg's scaler smooths when it makes things smaller, but for its fast way, whose places are wrong where it ends
        in bytes. It does as OpenCV where it ends in 16 bits, of which the upper ones are the level.
        """
        grey = VideoFrame.from_numpy_buffer(channel, format="gray")
        scaled = self._scaler.reformat(
            grey, width, height, "gray16le", interpolation=Interpolation.FAST_BILINEAR, threads=1
        )
        [plane] = scaled.planes
        levels = np.frombuffer(plane, dtype="<u2").reshape(-1, plane.line_size // 2)[:height, :width] + _ROUNDING
        return levels.view(np.uint8)[:, 1::2]


def _read_planes(frame: VideoFrame) -> Sequence[Channel]:
    green, blue, red = (
        np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return red, green, blue
