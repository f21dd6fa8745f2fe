"""Converts decoded frames to network inputs, and boxes back to pixels of the frame."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from videoengine.model_packages import NetworkInput
from videoengine.orientation import read_orientation
from videoengine.resizing import FrameResizer


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the network's input, with the same rounding as Roboflow's runner.

    Attributes:
        resolution_wh: size of the displayed frame, pixels.
        resized_wh: size of the frame in the input, pixels.
        offset_xy: upper left corner of the frame in the input, pixels; negative if the frame is cropped.
        scale_xy: input pixels for each frame pixel.
    """

    resolution_wh: tuple[int, int]
    resized_wh: tuple[int, int]
    offset_xy: tuple[int, int]
    scale_xy: tuple[float, float]

    def to_frame(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Converts boxes from input pixels to frame pixels, clipped to the frame.

        They are rounded to whole pixels, because Roboflow's runner rounds its boxes and the results should agree.

        Args:
            xyxy: (N, 4) corners.
        """
        corners = self.points_to_frame(xyxy.reshape(-1, 2)).reshape(-1, 4)
        return np.rint(np.clip(corners, 0, np.tile(self.resolution_wh, 2))).astype(np.float32)

    def points_to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Converts points (N, 2) from input pixels to frame pixels. They may lie outside the frame."""
        return ((points - self.offset_xy) / self.scale_xy).astype(np.float32)


def place_frame(width: int, height: int, network_input: NetworkInput) -> Placement:
    """Where a displayed frame of `width` x `height` pixels lies in the network's input."""
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
    # Round towards zero, so that an odd pixel of margin or cropping is on the right or below.
    offset_xy = (int((input_wh[0] - resized_wh[0]) / 2), int((input_wh[1] - resized_wh[1]) / 2))
    return Placement((width, height), resized_wh, offset_xy, (scale, scale))


class FramePreprocessor:
    """Converts frames to network inputs. It reuses FFmpeg's scalers between frames."""

    def __init__(self, network_input: NetworkInput) -> None:
        self._network_input = network_input
        # Only CLIP uses `cover`, and it was trained on pictures with bicubic interpolation.
        self._resizer = FrameResizer(bicubic=network_input.resize_mode == "cover")

    def prepare(self, frame: VideoFrame, canvas: NDArray[np.uint8]) -> Placement:
        """Draws the displayed frame on a network's input, in the model's color mode.

        Args:
            canvas: (height, width, 3) of the network's input; overwritten completely.

        Returns:
            Where the frame lies in the input.
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
        # Resize before rotating, because then there are fewer pixels to rotate.
        red_green_blue = self._resizer.resize(frame, *orientation.turn_size(*placement.resized_wh))
        channels = red_green_blue if wanted.color_mode == "rgb" else reversed(red_green_blue)
        for index, channel in enumerate(channels):
            canvas[top:bottom, left:right, index] = orientation.turn(channel)[visible]
        for margin in (canvas[:top], canvas[bottom:], canvas[top:bottom, :left], canvas[top:bottom, right:]):
            margin[:] = wanted.padding_value if wanted.resize_mode == "letterbox" else 0
        return placement
