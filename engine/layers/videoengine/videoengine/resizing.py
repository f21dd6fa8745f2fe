"""Resizes frames like OpenCV's `INTER_LINEAR`, which Roboflow's runner uses, so that models see the same pixels."""

from collections.abc import Sequence

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Channel = NDArray[np.uint8]
"""(height, width) levels, 0 to 255."""

_ROUNDING = 128
"""Half the range of the lower byte, which is dropped after this is added."""

_EXACT_IN_PLANES = "yuv420p", "yuvj420p"
"""Pixel formats that FFmpeg converts to the same colors in planes as in packed pixels, if the height is even."""


class FrameResizer:
    """Resizes frames. It reuses FFmpeg's scalers between frames."""

    def __init__(self, *, bicubic: bool = False) -> None:
        """Chooses bicubic interpolation with antialiasing, or else bilinear without."""
        self._bicubic = bicubic
        self._converter, self._separator, self._scaler = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def resize(self, frame: VideoFrame, width: int, height: int) -> Sequence[Channel]:
        """The red, green and blue channels of the resized frame. The next call overwrites them."""
        if self._bicubic:
            return _read_planes(
                self._separator.reformat(frame, width, height, "gbrp", interpolation=Interpolation.BICUBIC, threads=1)
            )
        if frame.format.name not in _EXACT_IN_PLANES or frame.height % 2:
            # The conversion that OpenCV uses. FFmpeg's rgb24 rounds differently, and its default interpolation of
            # chroma differs too.
            frame = self._converter.reformat(frame, format="bgr24", interpolation=Interpolation.BICUBIC, threads=1)
        channels = _read_planes(self._separator.reformat(frame, format="gbrp", threads=1))
        if (frame.width, frame.height) == (width, height):
            return channels
        return [self._scale(channel, width, height) for channel in channels]

    def _scale(self, channel: Channel, width: int, height: int) -> Channel:
        """Scales one channel. Each pixel depends only on the four source pixels around it, also when scaling down.

        FFmpeg's scaler applies antialiasing when it scales down, except with FAST_BILINEAR. With 8-bit output, this
        samples at wrong positions. With 16-bit output, it does the same as OpenCV, and the upper byte is the level.
        """
        gray = VideoFrame.from_numpy_buffer(channel, format="gray")
        scaled = self._scaler.reformat(
            gray, width, height, "gray16le", interpolation=Interpolation.FAST_BILINEAR, threads=1
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
