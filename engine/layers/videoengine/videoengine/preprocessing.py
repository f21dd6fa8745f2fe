"""From a decoded frame to the pixels a network is fed, and boxes back to the frame's pixels."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.model_packages import NetworkInput
from videoengine.orientation import read_orientation
from videoengine.resizing import FrameResizer


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the network's input, by Roboflow's rounding.

    Attributes:
        resolution_wh: of the frame as it is shown, pixels.
        resized_wh: of the frame inside the input, pixels.
        offset_xy: its upper left corner there, pixels; negative where it is cropped.
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
        corners = self.points_to_frame(xyxy.reshape(-1, 2)).reshape(-1, 4)
        return np.rint(np.clip(corners, 0, np.tile(self.resolution_wh, 2))).astype(np.float32)

    def points_to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points (N, 2) in input pixels, in pixels of the frame; they may lie outside it."""
        return ((points - self.offset_xy) / self.scale_xy).astype(np.float32)


def place_frame(width: int, height: int, network_input: NetworkInput) -> Placement:
    """Where a frame of `width` x `height` pixels goes."""
    input_wh = network_input.width, network_input.height
    scale_x, scale_y = input_wh[0] / width, input_wh[1] / height
    match network_input.resize_mode:
        case "stretch":
            return Placement((width, height), input_wh, (0, 0), (scale_x, scale_y))
        case "center-crop":
            scale, resized_wh = 1.0, (width, height)
        case "letterbox":
            scale = min(scale_x, scale_y)
            resized_wh = (max(int(width * scale), 1), max(int(height * scale), 1))
        case "cover":
            scale = max(scale_x, scale_y)
            resized_wh = (max(int(width * scale), input_wh[0]), max(int(height * scale), input_wh[1]))
    # Towards zero, so that the odd pixel is on the right and below, whether it is margin or cut off.
    offset_xy = (int((input_wh[0] - resized_wh[0]) / 2), int((input_wh[1] - resized_wh[1]) / 2))
    return Placement((width, height), resized_wh, offset_xy, (scale, scale))


class FramePreprocessor:
    """Turns frames into network inputs; keeps FFmpeg's scalers from frame to frame."""

    def __init__(self, network_input: NetworkInput) -> None:
        self._network_input = network_input
        # CLIP, which alone covers, was trained on bicubic pictures.
        self._resizer = FrameResizer(bicubic=network_input.resize_mode == "cover")

    def prepare(self, frame: VideoFrame, canvas: NDArray[np.uint8]) -> Placement:
        """Draws the frame as it is shown on a network's input (height, width, 3), 0 to 255, in the model's color mode.

        Whatever was there before is gone.
        """
        wanted = self._network_input
        orientation = read_orientation(frame)
        placement = place_frame(*orientation.turn_size(frame.width, frame.height), wanted)
        left, top = placement.offset_xy
        visible = slice(max(-top, 0), wanted.height - top), slice(max(-left, 0), wanted.width - left)
        left, top = max(left, 0), max(top, 0)
        right, bottom = (
            min(left + placement.resized_wh[0], wanted.width),
            min(top + placement.resized_wh[1], wanted.height),
        )
        # Turned when it is small.
        red_green_blue = self._resizer.resize(frame, *orientation.turn_size(*placement.resized_wh))
        channels = red_green_blue if wanted.color_mode == "rgb" else reversed(red_green_blue)
        for index, channel in enumerate(channels):
            canvas[top:bottom, left:right, index] = orientation.turn(channel)[visible]
        for margin in (canvas[:top], canvas[bottom:], canvas[top:bottom, :left], canvas[top:bottom, right:]):
            margin[:] = _margin_level(wanted)
        return placement


def _margin_level(network_input: NetworkInput) -> int:
    return network_input.padding_value if network_input.resize_mode == "letterbox" else 0
