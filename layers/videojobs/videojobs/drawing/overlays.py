"""Draws marks for a video's frames: boxes, outlines, key points, gazes and labels, in the report's colors."""

import colorsys
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anyascii import anyascii
from PIL import Image, ImageDraw, ImageFont

from videojobs.drawing.region_shapes import RegionShape, draw_lines, fill_areas, find_arrow
from videojobs.results.marks import Box, Keypoint, Mark

type Point = tuple[float, float]
type Corners = tuple[float, float, float, float]

PALETTE = (
    "#5b9bff",
    "#ff9248",
    "#3ecf8e",
    "#f0609e",
    "#b58cff",
    "#ecc534",
    "#2fc4d8",
    "#ff6b6b",
    "#9bd14b",
    "#d98cf0",
    "#f2a7a0",
    "#7fd6c2",
)
"""The same as in the report (`marks.js`)."""

LIMBS = (
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)
"""The pairs of key points (COCO's names) that are joined by a line; the same as in the report."""

LABELS_MAX = 60
"""If there are more marks, boxes get no labels, which would hide the picture."""

LABEL_MAX_CHARACTERS = 100
"""The name in a label is cut to this length, about the width of a picture. Pillow draws at most 1,000,000."""

_FONT = Path(__file__).with_name("fonts") / "Roboto-Regular.ttf"
"""It has Latin, Greek and Cyrillic letters."""

_POINT_SURE = 0.5
"""Key points with a lower confidence are drawn faintly."""

_FAINT, _MASK, _OPAQUE = 0.12, 0.3, 1.0
_DARK, _LIGHT = (16, 19, 26, 255), (255, 255, 255, 255)
_REGION_LABEL = "#10131a"


@dataclass(frozen=True)
class ClassStyle:
    """A class's name, and its color as #rrggbb."""

    name: str
    color: str


def pick_color(number: int) -> str:
    """Returns the color of a class by its number, as #rrggbb."""
    if number < len(PALETTE):
        return PALETTE[number]
    # The golden angle gives neighboring numbers different hues.
    channels = colorsys.hls_to_rgb(number * 137.508 % 360 / 360, 0.62 if number % 2 else 0.7, 0.75)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)


@cache
def transliterate(name: str) -> str:
    """Returns a name in letters that the font has; others become Latin ones: 安全帽 becomes AnQuanMao.

    It has at most `LABEL_MAX_CHARACTERS`, the last of which is … if it is cut.
    """
    composed = " ".join(unicodedata.normalize("NFC", name).split())
    drawn = composed[: LABEL_MAX_CHARACTERS + 1]
    spelled = "".join(character if _is_drawable(character) else anyascii(character) for character in drawn)
    return (spelled if len(spelled) <= LABEL_MAX_CHARACTERS else f"{spelled[: LABEL_MAX_CHARACTERS - 1]}…") or "?"


@cache
def _is_drawable(character: str) -> bool:
    """Returns whether the font has a glyph for the character, which is not the box for missing ones."""
    font = _load_font(16)
    return character == " " or bytes(font.getmask(character)) not in (b"", bytes(font.getmask("\U0010ffff")))


def draw_overlay(
    size: tuple[int, int],
    marks: Sequence[Mark],
    styles: Sequence[ClassStyle],
    regions: Sequence[RegionShape] = (),
) -> Image.Image:
    """Draws marks on a transparent picture (RGBA), over regions.

    Args:
        size: The picture's width and height.
        marks: In the picture's pixels.
        styles: By class number.
    """
    overlay = Image.new("RGBA", size)
    pen = _Pen(overlay)
    pen.fill_regions(regions)
    boxes = [(mark, mark.box) for mark in marks if mark.box is not None]
    for mark, box in boxes:
        pen.fill(mark, box, styles[mark.class_number].color)
    pen.draw_regions(regions)
    for mark, box in boxes:
        pen.outline(mark, box, styles[mark.class_number].color)
    pen.label_regions(regions)
    pen.write_labels(marks, styles, names=len(marks) <= LABELS_MAX)
    return overlay


class _Pen:
    """Draws on one picture, with lines and letters that suit its size. New pixels replace older ones."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._width, self._height = picture.size
        self._line = max(2, min(6, round(self._width / 320)))
        self._font = _load_font(max(11, round(self._width / 60)))
        self._labels: list[Corners] = []

    def fill(self, mark: Mark, box: Box, color: str) -> None:
        if mark.polygon:
            if len(mark.polygon) > 3:
                self._draw.polygon(_pair(mark.polygon), fill=_paint(color, _MASK))
        else:
            self._draw.rectangle(_find_corners(box), fill=_paint(color, _FAINT))

    def outline(self, mark: Mark, box: Box, color: str) -> None:
        if mark.polygon:
            points = _pair(mark.polygon)
            self._draw.line([*points, points[0]], fill=_paint(color), width=self._line, joint="curve")
            return
        self._draw.rectangle(_find_corners(box), outline=_paint(color), width=self._line)
        if mark.keypoints:
            self._draw_keypoints(mark.keypoints, color)
        if mark.gaze is not None:
            self._draw_gaze(mark.gaze, box, mark.landmarks, color)

    def fill_regions(self, regions: Sequence[RegionShape]) -> None:
        fill_areas(self._draw, regions)

    def draw_regions(self, regions: Sequence[RegionShape]) -> None:
        draw_lines(self._draw, regions, (self._width, self._height), self._line)

    def label_regions(self, regions: Sequence[RegionShape]) -> None:
        """Writes the regions' texts before other labels, which then keep clear of them."""
        height = self._font.size + 6
        for shape in regions:
            left, top = min(shape.points, key=lambda point: (point[1], point[0]))
            self._write(
                transliterate(shape.text), _REGION_LABEL, left + 4, (top + 4, top - height - 4, top + height + 8)
            )
            if shape.is_line:
                start, end = shape.points
                x, y = find_arrow(start, end, max(self._width, self._height) / 16)[1]
                self._write("in", _REGION_LABEL, x - height / 2, (y - height / 2,))

    def write_labels(self, marks: Iterable[Mark], styles: Sequence[ClassStyle], *, names: bool) -> None:
        """Writes labels without a box at the top left and, if `names`, those of boxes above them, surest first."""
        for line, mark in enumerate(mark for mark in marks if mark.box is None):
            self._write_mark(mark, styles[mark.class_number], 8, (8 + line * (self._font.size + 10),))
        if names:
            boxes = ((mark, mark.box) for mark in marks if mark.box is not None)
            for mark, box in sorted(boxes, key=lambda pair: -pair[0].certainty):
                left, top, _, bottom = _find_corners(box)
                self._write_mark(mark, styles[mark.class_number], left, (top - self._font.size - 6, top, bottom))

    def _draw_keypoints(self, keypoints: Sequence[Keypoint], color: str) -> None:
        by_name = {point.name: point for point in keypoints}
        for start, end in LIMBS:
            if start in by_name and end in by_name:
                ends = by_name[start], by_name[end]
                paint = _paint(color, 0.9 if all(map(_is_sure, ends)) else 0.2)
                self._draw.line([(point.x, point.y) for point in ends], fill=paint, width=self._line)
        for point in keypoints:
            paint = _paint(color, _OPAQUE if _is_sure(point) else 0.25)
            self._draw.circle((point.x, point.y), 1.6 * self._line, fill=paint)

    def _draw_gaze(self, gaze: tuple[float, float], box: Box, landmarks: Sequence[float], color: str) -> None:
        paint = _paint(color)
        for point in _pair(landmarks):
            self._draw.circle(point, 0.9 * self._line, fill=paint)
        # Positive yaw points to the left of the picture, positive pitch up, as in Roboflow's own drawing.
        (yaw, pitch), (x, y, width, _) = gaze, box
        length = 1.5 * width
        tip = (x - length * math.sin(yaw) * math.cos(pitch), y - length * math.sin(pitch))
        angle = math.atan2(tip[1] - y, tip[0] - x)
        line = round(1.4 * self._line)
        self._draw.line([(x, y), tip], fill=paint, width=line)
        for side in (-0.5, 0.5):
            barb = 6 * self._line
            end = (tip[0] - barb * math.cos(angle + side), tip[1] - barb * math.sin(angle + side))
            self._draw.line([tip, end], fill=paint, width=line)

    def _write_mark(self, mark: Mark, style: ClassStyle, left: float, tops: Iterable[float]) -> None:
        percent = "" if mark.confidence is None else f" {mark.percent}%"
        track = "" if mark.track_id is None else f" #{mark.track_id}"
        self._write(f"{transliterate(style.name)}{track}{percent}", style.color, left, tops)

    def _write(self, text: str, color: str, left: float, tops: Iterable[float]) -> None:
        """Writes a label at the first of `tops` where it covers no other label; if there is none, it is left out."""
        width, height = self._draw.textlength(text, font=self._font) + 10, self._font.size + 6
        left = max(0, min(left, self._width - width))
        places = (
            (left, top, left + width, top + height) for top in (max(0, min(top, self._height - height)) for top in tops)
        )
        place = next((place for place in places if not any(_overlap(place, label) for label in self._labels)), None)
        if place is None:
            return
        self._labels.append(place)
        left, top, _, _ = place
        self._draw.rounded_rectangle(place, radius=3, fill=_paint(color))
        paint = _DARK if _needs_dark_text(color) else _LIGHT
        self._draw.text((left + 5, top + height / 2), text, fill=paint, font=self._font, anchor="lm")


def _is_sure(point: Keypoint) -> bool:
    return point.confidence is None or point.confidence >= _POINT_SURE


def _pair(points: Sequence[float]) -> list[Point]:
    """Returns (x, y), … for x, y, …"""
    return list(zip(points[::2], points[1::2], strict=False))


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _find_corners(box: Box) -> Corners:
    x, y, width, height = box
    half_width, half_height = abs(width) / 2, abs(height) / 2
    return (x - half_width, y - half_height, x + half_width, y + half_height)


@cache
def _paint(color: str, opacity: float = _OPAQUE) -> tuple[int, ...]:
    return (*(int(color[at : at + 2], 16) for at in (1, 3, 5)), round(255 * opacity))


@cache
def _needs_dark_text(color: str) -> bool:
    red, green, blue = ((int(color[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5))
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18)


@cache
def _load_font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, size)
