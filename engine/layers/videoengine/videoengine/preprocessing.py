"""From a decoded frame to the pixels a network is fed, and boxes back to the frame's pixels."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from videoengine.model_packages import NetworkInput

_PIXEL_FORMATS = {"rgb": "rgb24", "bgr": "bgr24"}


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the network's input, by Roboflow's rounding.

    Attributes:
        resolution_wh: of the frame, pixels.
        resized_wh: of the frame inside the input, pixels.
        offset_xy: its upper left corner there, pixels.
        scale_xy: input pixels a frame pixel.
    """

    resolution_wh: tuple[int, int]
    resized_wh: tuple[int, int]
    offset_xy: tuple[int, int]
    scale_xy: tuple[float, float]

    def to_frame(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) in input pixels, as whole pixels of the frame and inside it.

        Whole pixels, because Roboflow's runner rounds its boxes, and theirs and ours should agree.
        """
        corners = (xyxy - np.tile(self.offset_xy, 2)) / np.tile(self.scale_xy, 2)
        return np.rint(np.clip(corners, 0, np.tile(self.resolution_wh, 2))).astype(np.float32)


def place_frame(width: int, height: int, network_input: NetworkInput) -> Placement:
    """Where a frame of `width` x `height` pixels goes."""
    scale_x, scale_y = network_input.width / width, network_input.height / height
    if network_input.resize_mode == "stretch":
        return Placement((width, height), (network_input.width, network_input.height), (0, 0), (scale_x, scale_y))
    scale = min(scale_x, scale_y)
    resized_wh = (max(int(width * scale), 1), max(int(height * scale), 1))
    offset_xy = ((network_input.width - resized_wh[0]) // 2, (network_input.height - resized_wh[1]) // 2)
    return Placement((width, height), resized_wh, offset_xy, (scale, scale))


class FramePreprocessor:
    """Turns frames into network inputs; keeps FFmpeg's scaler from frame to frame."""

    def __init__(self, network_input: NetworkInput) -> None:
        self._network_input = network_input
        self._reformatter = VideoReformatter()

    def prepare(self, frame: VideoFrame) -> tuple[NDArray[np.uint8], Placement]:
        """The network's input (height, width, 3), 0 to 255, in the model's color mode."""
        wanted = self._network_input
        placement = place_frame(frame.width, frame.height, wanted)
        width, height = placement.resized_wh
        resized = self._reformatter.reformat(
            frame, width, height, _PIXEL_FORMATS[wanted.color_mode], interpolation=Interpolation.BILINEAR
        ).to_ndarray()
        canvas = np.full((wanted.height, wanted.width, 3), wanted.padding_value, dtype=np.uint8)
        left, top = placement.offset_xy
        canvas[top : top + height, left : left + width] = resized
        return canvas, placement
