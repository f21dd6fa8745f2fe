"""Where a sample is drawn: in pixels of the frame as players show it, whichever picture the model got."""

from typing import Any, cast

import pytest
from PIL import Image

from tests.frames import make_frames
from tests.unit.videojobs.report.written import FACTS, make_box
from videojobs.drawing.overlay_track import OverlayTrack
from videojobs.drawing.sample_painter import FrameShape, SamplePainter
from videojobs.jobs.regions import Region
from videojobs.report.writer import ReportWriter
from videojobs.results.region_counts import RegionCounts
from videojobs.results.samples import Sample

CODED = (320, 180)
BLUE, ORANGE = (0x5B, 0x9B, 0xFF), (0xFF, 0x92, 0x48)


def make_sample(size: tuple[int, int] | None, **fields: Any) -> Sample:
    """Makes a sample with a box of 40 by 20 pixels around (60, 50), in a picture of `size`."""
    box = {"x": 60, "y": 50, "width": 40, "height": 20, "confidence": 0.9, "class": "part", **fields}
    image = {"image": {"width": size[0], "height": size[1]}} if size else {}
    return Sample.normalize(0, 0.0, {"parts": {**image, "predictions": [box]}})


def paint(sample: Sample, rotation: int = 0) -> Image.Image:
    return SamplePainter(FrameShape(CODED, rotation)).draw(sample)


def is_opaque(picture: Image.Image, x: float, y: float) -> bool:
    pixel = picture.getpixel((int(x), int(y)))
    assert isinstance(pixel, tuple)
    return pixel[3] == 255


def assert_box(picture: Image.Image, left: int, top: int, right: int, bottom: int) -> None:
    """Checks the sides of an outline in its lower part, which no label covers."""
    middle = (left + right) // 2, bottom - 3
    assert is_opaque(picture, left, bottom - 3)
    assert is_opaque(picture, right, bottom - 3)
    assert is_opaque(picture, middle[0], bottom)
    assert not is_opaque(picture, left - 3, bottom - 3)
    assert not is_opaque(picture, right + 3, bottom - 3)
    assert not is_opaque(picture, middle[0], bottom + 3)
    assert top < bottom


@pytest.mark.parametrize(
    ("rotation", "box"),
    [
        (0, (40, 40, 80, 60)),
        (90, (40, 240, 60, 280)),
        (-90, (120, 40, 140, 80)),
    ],
)
def test_detections_on_the_stored_frame_are_rotated_with_it(rotation: int, box: tuple[int, int, int, int]) -> None:
    picture = paint(make_sample(CODED), rotation)
    assert picture.size == (CODED if abs(rotation) != 90 else CODED[::-1])
    assert_box(picture, *box)


@pytest.mark.parametrize(("rotation", "size"), [(90, CODED[::-1]), (-90, CODED[::-1]), (180, CODED), (-180, CODED)])
def test_detections_on_the_shown_frame_are_not_rotated(rotation: int, size: tuple[int, int]) -> None:
    """Upside down, the stored frame has the same sides."""
    assert_box(paint(make_sample(size), rotation), 40, 40, 80, 60)


def test_a_square_frame_is_the_shown_one() -> None:
    picture = SamplePainter(FrameShape((200, 200), 90)).draw(make_sample((200, 200)))
    assert_box(picture, 40, 40, 80, 60)


def test_pixels_of_another_picture_size_are_scaled_and_without_a_size_are_the_frame_s() -> None:
    assert_box(paint(make_sample((160, 90))), 80, 80, 160, 120)
    assert_box(paint(make_sample(None)), 40, 40, 80, 60)


def test_all_points_of_a_mark_are_rotated() -> None:
    points = [{"x": x, "y": y} for x, y in [(40, 40), (80, 40), (60, 60)]]
    outline = paint(make_sample(CODED, points=points), 90)
    assert is_opaque(outline, 40, 280)
    assert is_opaque(outline, 60, 260)
    keypoint = {"x": 100, "y": 90, "confidence": 0.9, "class": "lid"}
    assert is_opaque(paint(make_sample((160, 90), keypoints=[keypoint])), 200, 179)
    face = {"x": 60, "y": 50, "width": 40, "height": 20, "class": "face", "landmarks": [{"x": 20, "y": 20}]}
    gaze = {"predictions": [{"face": face, "yaw": 0.0, "pitch": 0.0}], "image": {"width": 320, "height": 180}}
    assert is_opaque(paint(Sample.normalize(0, 0.0, {"gazes": gaze}), 90), 20, 300)


def test_a_class_keeps_its_color_and_a_broken_element_affects_no_other() -> None:
    painter = SamplePainter(FrameShape(CODED, 0))
    painter.draw(make_sample(CODED))
    other = make_sample(CODED, **{"class": "other"})
    assert painter.draw(other).getpixel((40, 57)) == (*ORANGE, 255)
    assert painter.draw(make_sample(CODED)).getpixel((40, 57)) == (*BLUE, 255)
    broken = Sample.normalize(0, 0.0, {"a": 7, "b": {"predictions": [3, None]}, "c": None, "d": [0.5]})
    assert painter.draw(broken).getbbox() is None
    assert painter.draw(None).getbbox() is None


DOCK = Region(name="dock", points=((0.5, 0), (1, 0), (1, 0.5), (0.5, 0.5)), is_line=False)
"""The upper right quarter of the frame that the model gets."""


@pytest.mark.parametrize(
    ("rotation", "size", "center"),
    [
        (0, CODED, (0.75, 0.25)),
        (90, CODED, (0.25, 0.25)),
        (180, CODED, (0.75, 0.25)),
        (-90, CODED, (0.75, 0.75)),
        (90, CODED[::-1], (0.75, 0.25)),  # this model gets the frame as players show it
    ],
)
def test_regions_lie_where_the_model_sees_them(
    rotation: int, size: tuple[int, int], center: tuple[float, float]
) -> None:
    image = {"width": size[0], "height": size[1]}
    sample = Sample.normalize(0, 0.0, {"parts": {"image": image, "predictions": []}})
    picture = SamplePainter(FrameShape(CODED, rotation), RegionCounts([DOCK])).draw(sample)
    inside = [
        (x, y)
        for x, y in [(0.75, 0.25), (0.25, 0.25), (0.25, 0.75), (0.75, 0.75)]
        if cast(tuple[int, ...], picture.getpixel((int(x * picture.width), int(y * picture.height))))[3]
    ]
    assert inside == [center]


def test_without_a_sample_no_region_is_drawn() -> None:
    picture = SamplePainter(FrameShape(CODED, 0), RegionCounts([DOCK])).draw(None)
    assert picture.getbbox() is None


def test_classes_have_the_colors_of_the_report_whichever_samples_are_drawn() -> None:
    found = {"hands": [["a"], ["b", "a"], ["c"]], "room": [["d"], [], ["a", "d"]]}
    elements = {
        model_id: [{"predictions": [make_box(name, 0.9) for name in names]} for names in frames]
        for model_id, frames in found.items()
    }
    samples = [
        Sample.normalize(number, number, {model_id: frames[number] for model_id, frames in elements.items()})
        for number in range(3)
    ]
    track = OverlayTrack(samples, FrameShape(CODED, 0))
    track.find(0.0)
    track.find(2.0)  # the second sample is not drawn
    with ReportWriter() as writer:
        for model_id, frames in elements.items():
            writer.add_model(model_id, None)
            writer.add(make_frames(model_id, frames))
        index = writer.finish(FACTS)._index

    reported = [(entry["name"], entry["color"]) for model in index["models"] for entry in model["classes"]]
    assert len({color for _, color in reported}) == 5
    assert sorted(reported) == sorted((style.name, style.color) for style in track._painter.classes.styles)
