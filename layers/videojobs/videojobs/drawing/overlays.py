"""Draws marks for a video's frames: boxes, outlines, key points, gazes and labels, as in the report."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anyascii import anyascii
from PIL import Image, ImageDraw, ImageFont

from videojobs.drawing.look import LOOK, measure, pick_ink
from videojobs.drawing.region_shapes import RegionShape, draw_lines, fill_areas, find_arrow
from videojobs.results.marks import Box, Keypoint, Mark

type Point = tuple[float, float]
type Corners = tuple[float, float, float, float]

LABEL_MAX_CHARACTERS = 100
"""The name in a label is cut to this length, about the width of a picture. Pillow draws at most 1,000,000."""

_FONT = Path(__file__).with_name("fonts") / "Roboto-Regular.ttf"
"""It has Latin, Greek and Cyrillic letters."""


@dataclass(frozen=True)
class ClassStyle:
    """A class's name, and its color as #rrggbb."""

    name: str
    color: str


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
    pen.write_labels(marks, styles)
    return overlay


class _Pen:
    """Draws on one picture, with lines and letters that suit its size. New pixels replace older ones."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._width, self._height = picture.size
        self._line = max(1, round(measure(LOOK.line, *picture.size)))
        self._text = round(measure(LOOK.text, *picture.size))
        self._height_of_label = LOOK.label_height * self._text
        self._font = _load_font(self._text)
        self._labels: list[Corners] = []

    def fill(self, mark: Mark, box: Box, color: str) -> None:
        if mark.polygon:
            if len(mark.polygon) > 3:
                self._draw.polygon(_pair(mark.polygon), fill=_paint(color, LOOK.mask_opacity))
        else:
            self._draw.rectangle(_find_corners(box), fill=_paint(color, LOOK.box_opacity))

    def outline(self, mark: Mark, box: Box, color: str) -> None:
        if mark.polygon:
            points = _pair(mark.polygon)
            self._draw.line([*points, points[0]], fill=_paint(color), width=self._line, joint="curve")
            return
        self._draw.rectangle(_find_corners(box, self._line / 2), outline=_paint(color), width=self._line)
        if mark.keypoints:
            self._draw_keypoints(mark.keypoints, color)
        if mark.gaze is not None:
            self._draw_gaze(mark.gaze, box, mark.landmarks, color)

    def fill_regions(self, regions: Sequence[RegionShape]) -> None:
        fill_areas(self._draw, regions)

    def draw_regions(self, regions: Sequence[RegionShape]) -> None:
        draw_lines(self._draw, regions, measure(LOOK.arrow, self._width, self._height), self._line)

    def label_regions(self, regions: Sequence[RegionShape]) -> None:
        """Writes the regions' texts before other labels, which then keep clear of them."""
        height, margin = self._height_of_label, LOOK.margin * self._text
        for shape in regions:
            left, top = min(shape.points, key=lambda point: (point[1], point[0]))
            tops = top + margin / 2, top - height - margin / 2, top + height + margin
            self._write(transliterate(shape.text), LOOK.dark, left + margin / 2, tops)
            if shape.is_line:
                start, end = shape.points
                arrow = measure(LOOK.arrow, self._width, self._height)
                x, y = find_arrow(start, end, arrow + self._text)[1]
                self._write("in", LOOK.dark, x - self._text, (y - height / 2,))

    def write_labels(self, marks: Iterable[Mark], styles: Sequence[ClassStyle]) -> None:
        """Writes labels without a box at the top left, and those of the surest boxes above them, surest first."""
        height, margin = self._height_of_label, LOOK.margin * self._text
        for line, mark in enumerate(mark for mark in marks if mark.box is None):
            self._write_mark(mark, styles[mark.class_number], margin, (margin + line * (height + margin / 2),))
        boxes = ((mark, mark.box) for mark in marks if mark.box is not None)
        for mark, box in sorted(boxes, key=lambda pair: -pair[0].certainty)[: LOOK.names_max]:
            left, top, _, bottom = _find_corners(box)
            self._write_mark(mark, styles[mark.class_number], left - self._line / 2, (top - height, top, bottom))

    def _draw_keypoints(self, keypoints: Sequence[Keypoint], color: str) -> None:
        by_name = {point.name: point for point in keypoints}
        for start, end in LOOK.limbs:
            if start in by_name and end in by_name:
                ends = by_name[start], by_name[end]
                are_sure = all(map(_is_sure, ends))
                paint = _paint(color, LOOK.limb_opacity if are_sure else LOOK.unsure_limb_opacity)
                self._draw.line([(point.x, point.y) for point in ends], fill=paint, width=self._line)
        for point in keypoints:
            paint = _paint(color, 1 if _is_sure(point) else LOOK.unsure_point_opacity)
            self._draw.circle((point.x, point.y), LOOK.point * self._line, fill=paint)

    def _draw_gaze(self, gaze: tuple[float, float], box: Box, landmarks: Sequence[float], color: str) -> None:
        paint = _paint(color)
        for point in _pair(landmarks):
            self._draw.circle(point, LOOK.landmark * self._line, fill=paint)
        # Positive yaw points to the left of the picture, positive pitch up, as in Roboflow's own drawing.
        (yaw, pitch), (x, y, width, _) = gaze, box
        length = LOOK.gaze * width
        tip = (x - length * math.sin(yaw) * math.cos(pitch), y - length * math.sin(pitch))
        angle = math.atan2(tip[1] - y, tip[0] - x)
        line = round(LOOK.gaze_line * self._line)
        self._draw.line([(x, y), tip], fill=paint, width=line)
        for side in (-0.5, 0.5):
            barb = LOOK.barb * self._line
            end = (tip[0] - barb * math.cos(angle + side), tip[1] - barb * math.sin(angle + side))
            self._draw.line([tip, end], fill=paint, width=line)

    def _write_mark(self, mark: Mark, style: ClassStyle, left: float, tops: Iterable[float]) -> None:
        percent = "" if mark.confidence is None else f" {mark.percent}%"
        track = "" if mark.track_id is None else f" #{mark.track_id}"
        self._write(f"{transliterate(style.name)}{track}{percent}", style.color, left, tops)

    def _write(self, text: str, color: str, left: float, tops: Iterable[float]) -> None:
        """Writes a label at the first of `tops` where it covers no other label; if there is none, it is left out."""
        padding, height = LOOK.label_padding * self._text, self._height_of_label
        width = self._draw.textlength(text, font=self._font) + 2 * padding
        left = max(0, min(left, self._width - width))
        places = (
            (left, top, left + width, top + height) for top in (max(0, min(top, self._height - height)) for top in tops)
        )
        place = next((place for place in places if not any(_overlap(place, label) for label in self._labels)), None)
        if place is None:
            return
        self._labels.append(place)
        left, top, _, _ = place
        self._draw.rounded_rectangle(place, radius=LOOK.label_radius * self._text, fill=_paint(color))
        place_of_text = left + padding, top + height / 2
        self._draw.text(place_of_text, text, fill=_paint(pick_ink(color)), font=self._font, anchor="lm")


def _is_sure(point: Keypoint) -> bool:
    return point.confidence is None or point.confidence >= LOOK.sure


def _pair(points: Sequence[float]) -> list[Point]:
    """Returns (x, y), … for x, y, …"""
    return list(zip(points[::2], points[1::2], strict=False))


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _find_corners(box: Box, outset: float = 0) -> Corners:
    x, y, width, height = box
    half_width, half_height = abs(width) / 2 + outset, abs(height) / 2 + outset
    return (x - half_width, y - half_height, x + half_width, y + half_height)


@cache
def _paint(color: str, opacity: float = 1) -> tuple[int, ...]:
    return (*(int(color[at : at + 2], 16) for at in (1, 3, 5)), round(255 * opacity))


@cache
def _load_font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, size)
