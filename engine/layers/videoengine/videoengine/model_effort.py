"""Estimates the work of a model from what is known without loading it, so that jobs can be planned."""

YOLO11N_SECONDS = 0.04
"""CPU time of YOLO11n for a frame. `python -m bench.engine` measures it."""

_YOLO11N_BYTES = 10_700_000
_YOLO11N_PIXELS = 640 * 640


def estimate_frame_seconds(size_bytes: int, input_pixels: int) -> float:
    """The estimated CPU time in seconds for a frame.

    A convolution or transformer uses each weight once for each part of the picture, so the work grows with both. It is
    never less than YOLO11n's, because a small model's frames have to be scaled too. Half-precision weights have half
    the bytes, so the estimate is half of the work.

    Args:
        size_bytes: of the weights in single precision.
        input_pixels: width times height of the network's input.
    """
    relative = size_bytes / _YOLO11N_BYTES * input_pixels / _YOLO11N_PIXELS
    return YOLO11N_SECONDS * max(relative, 1.0)
