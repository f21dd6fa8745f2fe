"""A frame of a video as a picture, with a grid in shares of the frame, and with regions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from videoengine.errors import JobFailed
from videoinfer.errors import CommandError
from videoinfer.videos import decode_frame, find_frame
from videojobs.drawing.overlays import draw_overlay
from videojobs.drawing.region_shapes import RegionShape
from videojobs.drawing.sample_painter import FrameShape
from videojobs.jobs.regions import Region

_MIN_WIDTH = 960
"""Minimum width of the picture in pixels, so that the grid's numbers can be read. Smaller frames are enlarged."""

_STEPS = 10
_GRID, _CASING, _TEXT = (255, 255, 255, 120), (16, 19, 26, 90), (255, 255, 255, 255)
_LABEL = (16, 19, 26, 190)


@dataclass(frozen=True)
class StillFrame:
    """A frame as players show it.

    Attributes:
        picture: RGB.
        seconds: Its time from the first frame.
    """

    picture: Image.Image
    seconds: float


def read_still(video: Path, seconds: float | None) -> StillFrame:
    """Reads the frame at a time, in seconds from the first frame; without one, in the middle of the video.

    Raises:
        CommandError: The video can't be read, or has no such frame; the message says why.
    """
    found = find_frame(video, seconds)
    try:
        frame = decode_frame(video, found)
    except JobFailed as failure:
        raise CommandError(f"{video.name}: {failure}.") from failure
    if frame is None:
        raise CommandError(f"{video.name}: the frame at {found.time_offset:g} s is damaged: give another --at.")
    stored: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return StillFrame(stored.rotate(FrameShape.read(frame).rotation, expand=True), found.time_offset)


def draw_picture(still: StillFrame, regions: Sequence[Region]) -> Image.Image:
    """Returns the frame with the grid, or with regions if there are any, enlarged if it is small."""
    picture = still.picture.convert("RGBA")
    scale = max(1, -(-_MIN_WIDTH // picture.width))
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.LANCZOS)
    shapes = [RegionShape.place(region, picture.size) for region in regions]
    overlay = draw_overlay(picture.size, [], [], shapes) if shapes else _draw_grid(picture.size)
    return Image.alpha_composite(picture, overlay).convert("RGB")


def _draw_grid(size: tuple[int, int]) -> Image.Image:
    """Draws a line at each tenth of the frame, labeled from 0 to 1 at the upper and the left edge."""
    width, height = size
    grid = Image.new("RGBA", size)
    draw = ImageDraw.Draw(grid)
    shares = [step / _STEPS for step in range(_STEPS + 1)]
    for color, line in ((_CASING, 3), (_GRID, 1)):
        for share in shares:
            x, y = round(share * (width - 1)), round(share * (height - 1))
            draw.line([(x, 0), (x, height)], fill=color, width=line)
            draw.line([(0, y), (width, y)], fill=color, width=line)
    draw.font = ImageFont.load_default(max(13, width // 70))
    for share in shares:
        _write(draw, size, f"{share:g}", (share * width, 0))
        if share:
            _write(draw, size, f"{share:g}", (0, share * height))
    return grid


def _write(draw: ImageDraw.ImageDraw, size: tuple[int, int], text: str, place: tuple[float, float]) -> None:
    """Writes a number centered at a place, moved into the picture."""
    left, top, right, bottom = draw.textbbox((0, 0), text)
    width, height = right - left + 10, bottom - top + 8
    x = min(max(0, place[0] - width / 2), size[0] - width)
    y = min(max(0, place[1] - height / 2), size[1] - height)
    draw.rounded_rectangle((x, y, x + width, y + height), radius=4, fill=_LABEL)
    draw.text((x + 5 - left, y + 4 - top), text, fill=_TEXT)
