"""The drawing of marks, pixel by pixel, in the report's colors."""

import pytest
from PIL import Image

from videojobs.drawing.look import LOOK, measure, pick_color
from videojobs.drawing.overlays import (
    LABEL_MAX_CHARACTERS,
    ClassStyle,
    draw_overlay,
    transliterate,
)
from videojobs.results.marks import Keypoint, Mark

SIZE = (320, 180)
BLUE, ORANGE = (0x5B, 0x9B, 0xFF), (0xFF, 0x92, 0x48)
STYLES = [ClassStyle("part", pick_color(0)), ClassStyle("person", pick_color(1))]
CLEAR = 0


def draw(*marks: Mark) -> Image.Image:
    return draw_overlay(SIZE, marks, STYLES)


def read(picture: Image.Image, x: int, y: int) -> tuple[tuple[int, ...], int]:
    """A pixel's color and opacity."""
    pixel = picture.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return pixel[:3], pixel[3]


def test_a_box_is_an_outline_around_a_faint_area() -> None:
    picture = draw(Mark(0, 0.9, (160, 100, 60, 40)))
    assert read(picture, 130, 100) == (BLUE, 255)
    assert read(picture, 190, 100) == (BLUE, 255)
    assert read(picture, 160, 120) == (BLUE, 255)
    colour, opacity = read(picture, 160, 100)
    assert colour == BLUE
    assert 0 < opacity < 64
    assert read(picture, 210, 100)[1] == CLEAR


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("Rock 2", "Rock 2"),
        ("Übergröße", "Übergröße"),
        ("U\u0308bergröße", "Übergröße"),
        ("łódź, каска, κράνος", "łódź, каска, κράνος"),
        ("安全帽", "AnQuanMao"),
        ("ヘルメット", "herumetto"),
        ("hat 🙂", "hat :slight_smile:"),
        ("two\nlines", "two lines"),
        ("\ue000\ufe0f", "?"),
        ("", "?"),
    ],
)
def test_names_are_drawn_in_the_font_s_letters(name: str, spelled: str) -> None:
    assert transliterate(name) == spelled

    def draw_name(text: str) -> bytes:
        return draw_overlay(SIZE, [Mark(0, 0.9, (160, 100, 60, 40))], [ClassStyle(text, pick_color(0))]).tobytes()

    assert draw_name(name) == draw_name(spelled)


def test_a_label_is_cut_before_it_is_wider_than_any_picture() -> None:
    longest = "x" * LABEL_MAX_CHARACTERS
    assert transliterate(longest) == longest
    assert transliterate(longest + "x") == longest[:-1] + "…"
    assert (
        transliterate("帽" * LABEL_MAX_CHARACTERS) == ("Mao" * LABEL_MAX_CHARACTERS)[: LABEL_MAX_CHARACTERS - 1] + "…"
    )
    for letter in ("x", "帽", " ", "x "):
        style = ClassStyle(letter * 5_000_000, pick_color(0))
        draw_overlay(SIZE, [Mark(0, 0.9, (160, 100, 60, 40))], [style])


def test_no_letter_is_drawn_as_the_missing_glyph() -> None:
    pictures = {
        name: draw_overlay(SIZE, [Mark(0, 0.9, (160, 100, 60, 40))], [ClassStyle(name, pick_color(0))]).tobytes()
        for name in ("Ü", "U", "ß", "帽", "Mao", "?")
    }
    assert pictures["帽"] == pictures["Mao"]
    assert len(set(pictures.values())) == len(pictures) - 1


def test_a_mask_is_an_area_within_its_outline() -> None:
    picture = draw(Mark(0, 0.9, (160, 100, 60, 40), polygon=[130, 80, 190, 80, 160, 120]))
    assert 64 < read(picture, 160, 95)[1] < 128
    assert read(picture, 160, 80) == (BLUE, 255)
    assert read(picture, 132, 115)[1] == CLEAR


def test_keypoints_are_joined_and_unsure_ones_are_faint() -> None:
    keypoints = [
        Keypoint(120, 60, 0.9, "left_shoulder"),
        Keypoint(120, 120, None, "left_hip"),  # one without a confidence counts as certain
        Keypoint(180, 60, 0.2, "right_shoulder"),
    ]
    picture = draw(Mark(1, 0.9, (150, 90, 100, 100), keypoints=keypoints))
    assert read(picture, 120, 60) == (ORANGE, 255)
    assert read(picture, 120, 90)[1] > 200
    assert 0 < read(picture, 150, 60)[1] < 100
    assert 0 < read(picture, 180, 60)[1] < 100


def test_a_gaze_is_an_arrow() -> None:
    picture = draw(Mark(0, 0.9, (160, 90, 40, 40), gaze=(-1.5708, 0.0), landmarks=[150, 100]))
    assert read(picture, 200, 90) == (BLUE, 255)
    assert read(picture, 120, 90)[1] == CLEAR
    assert read(picture, 150, 100) == (BLUE, 255)


def test_a_label_that_would_cover_a_surer_box_s_label_is_inside_its_own_box_or_below() -> None:
    picture = draw(Mark(1, 0.8, (150, 100, 60, 40)), Mark(0, 0.9, (110, 100, 60, 40)), Mark(1, 0.7, (150, 100, 60, 40)))
    assert read(picture, 82, 72) == (BLUE, 255)
    assert read(picture, 185, 72)[1] == CLEAR
    assert read(picture, 122, 88) == (ORANGE, 255)
    assert read(picture, 122, 130) == (ORANGE, 255)


def test_labels_stay_inside_the_picture_and_labels_without_a_box_are_lines_at_the_top() -> None:
    picture = draw(Mark(0, 0.9, (319, 0, 60, 40)), Mark(0, 0.8), Mark(1, 0.7))
    assert read(picture, 8, 14)[0] == BLUE
    assert read(picture, 8, 34)[0] == ORANGE
    assert read(picture, 315, 2)[1] == 255


def test_a_label_names_the_track() -> None:
    box = (160, 100, 60, 40)
    widths = [measure_label(draw(Mark(0, 0.9, box, track_id=track_id))) for track_id in (None, 7, 1234)]
    assert widths == sorted(set(widths))


def test_a_label_without_confidence_is_only_a_name_and_precedes_uncertain_ones() -> None:
    certain, doubtful = Mark(0, None, (110, 100, 60, 40)), Mark(1, 0.9, (120, 100, 60, 40))
    assert measure_label(draw(certain)) == pytest.approx(measure_label(draw(Mark(0, 1, certain.box))) - 33, abs=6)
    picture = draw(doubtful, certain)
    assert read(picture, 82, 72) == (BLUE, 255)
    assert read(picture, 92, 88) == (ORANGE, 255)  # inside its box: above it, it would cover the other label


def measure_label(picture: Image.Image) -> int:
    """The width of the label above a box, in pixels."""
    row = [read(picture, x, 72)[1] == 255 for x in range(SIZE[0])]
    return row.count(True)


def test_of_many_boxes_the_surest_have_names() -> None:
    """Labels on one another would be left out, so the boxes are side by side."""
    size = (LOOK.names_max * 100, 180)
    marks = [Mark(0, 0.1, (160, 160, 60, 20))]
    marks += [Mark(0, 0.9, (50 + 100 * number, 100, 60, 40)) for number in range(LOOK.names_max)]
    for count, opacity in ((2, 255), (len(marks), CLEAR)):
        assert read(draw_overlay(size, marks[:count], STYLES), 135, 144)[1] == opacity


@pytest.mark.parametrize("polygon", [[130, 80], [130, 80, 190], []])
def test_a_mask_with_too_few_points_is_no_error(polygon: list[float]) -> None:
    draw(Mark(0, 0.9, (160, 100, 60, 40), polygon=polygon))


def test_every_class_has_its_own_color() -> None:
    assert len({pick_color(number) for number in range(200)}) == 200
    colors = {pick_color(number, model, 3) for number in range(50) for model in range(3)}
    assert len(colors) == 150


@pytest.mark.parametrize(
    ("size", "text"), [((640, 360), 16), ((1280, 720), 24), ((1920, 1080), 32), ((1080, 1920), 32), ((3840, 2160), 56)]
)
def test_letters_grow_with_the_picture_and_are_not_too_small(size: tuple[int, int], text: int) -> None:
    assert measure(LOOK.text, *size) == text
