from typing import Any

import pytest
from PIL import Image

from videoinfer.preview import Detection, Sample, draw_detections, find_clearest, read_samples

BLACK = (0, 0, 0)


def predict(class_name: str, confidence: float) -> dict[str, Any]:
    return {
        "x": 50.0,
        "y": 40.0,
        "width": 20.0,
        "height": 10.0,
        "confidence": confidence,
        "class": class_name,
        "class_id": 1,
    }


def test_samples_have_corners_for_centres_and_nothing_where_the_model_failed() -> None:
    results = {
        "frame_offset": [0, 6],
        "time_offset": [0.0, 0.25],
        "hands": [{"predictions": [predict("rock", 0.9)]}, None],
    }

    assert list(read_samples(results, "hands")) == [
        Sample(0, 0.0, (Detection((40.0, 35.0, 60.0, 45.0), "rock", 1, 0.9),)),
        Sample(6, 0.25, ()),
    ]


@pytest.mark.parametrize(
    ("clearest", "other"),
    [
        ([0.9, 0.9], [0.9]),
        ([0.9], [0.5, 0.5, 0.5]),
        ([0.8, 0.8], [0.9, 0.9, 0.5]),
        ([0.9, 0.9], [0.8, 0.8]),
        ([0.5], []),
    ],
    ids=["more", "sure", "without-doubtful", "surer", "any"],
)
def test_the_clearest_sample_shows_most_for_sure(clearest: list[float], other: list[float]) -> None:
    best, second = (
        Sample(0, 0.0, tuple(Detection((0, 0, 1, 1), "rock", 0, confidence) for confidence in confidences))
        for confidences in (clearest, other)
    )

    assert find_clearest([best, second]) is best
    assert find_clearest([second, best]) is best


def test_a_box_is_drawn_at_its_place_on_an_enlarged_copy() -> None:
    frame = Image.new("RGB", (640, 360))

    picture = draw_detections(frame, [Detection((200, 100, 300, 250), "rock", 0, 0.9)])

    assert picture.size == (1280, 720)
    assert frame.getcolors() == [(640 * 360, BLACK)]
    for on_the_box in [(400, 300), (599, 300), (500, 499)]:
        assert picture.getpixel(on_the_box) != BLACK
    for beside_it in [(395, 300), (605, 300), (500, 300), (500, 505)]:
        assert picture.getpixel(beside_it) == BLACK


@pytest.mark.parametrize("xyxy", [(-5, -5, 3, 3), (635, 355, 650, 370), (0, 0, 640, 360)])
def test_a_label_stays_within_the_picture(xyxy: tuple[float, float, float, float]) -> None:
    picture = draw_detections(Image.new("RGB", (640, 360)), [Detection(xyxy, "scissors", 0, 0.9)])

    # The label's own filling: a hundred pixels long at least, and as high as a line of text.
    colours = {colour: count for count, colour in picture.getcolors(1 << 20) or []}
    assert colours[0xE6, 0x9F, 0x00] > 100 * 20


def test_a_frame_without_detections_is_drawn_too() -> None:
    assert draw_detections(Image.new("RGB", (1920, 1080)), []).size == (1920, 1080)
