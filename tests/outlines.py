"""Outlines as masks of the pixels that they enclose."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def fill_outline(points: Sequence[tuple[int, int]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (height, width) of all pixels on an outline and inside it.

    Args:
        points: x and y of its corners.
        shape: The mask's height and width.
    """
    image = Image.new("1", (shape[1], shape[0]))
    if len(points) > 1:
        ImageDraw.Draw(image).polygon(points, fill=1, outline=1)
    else:
        ImageDraw.Draw(image).point(points, fill=1)
    return np.array(image)
