"""The drawing of regions: where their lines are, and to which side the arrow of a line points."""

import pytest
from PIL import Image

from videojobs.drawing.overlays import ClassStyle, draw_overlay
from videojobs.drawing.region_shapes import RegionShape, find_arrow
from videojobs.jobs.regions import Region
from videojobs.results.marks import Mark

SIZE = (320, 180)
WHITE = (255, 255, 255, 255)
DOCK = Region(name="dock", points=((0.25, 0.5), (0.5, 0.5), (0.5, 0.9), (0.25, 0.9)), is_line=False)
DOOR = Region(name="door", points=((0.25, 0.25), (0.75, 0.25)), is_line=True)


def draw(*regions: Region) -> Image.Image:
    return draw_overlay(SIZE, [], [], [RegionShape.place(region, SIZE) for region in regions])


def test_a_polygon_is_an_outline_around_a_faint_area() -> None:
    picture = draw(DOCK)
    assert picture.getpixel((120, 162)) == WHITE  # its lower side
    assert picture.getpixel((80, 140)) == WHITE  # the side that closes it
    area = picture.getpixel((120, 140))
    assert isinstance(area, tuple)
    assert 0 < area[3] < 64
    assert picture.getpixel((200, 140)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("start", "end", "tip"),
    [
        ((0, 50), (100, 50), (50, 60)),  # to the right: down, as y points down
        ((100, 50), (0, 50), (50, 40)),
        ((50, 0), (50, 100), (40, 50)),  # down: to the left of the picture
        ((50, 100), (50, 0), (60, 50)),
    ],
)
def test_the_arrow_points_from_the_left_to_the_right_of_the_line(
    start: tuple[int, int], end: tuple[int, int], tip: tuple[int, int]
) -> None:
    assert find_arrow(start, end, 10)[1] == pytest.approx(tip)


def test_a_line_has_its_arrow_on_the_in_side() -> None:
    picture = draw(DOOR)
    assert picture.getpixel((90, 45)) == WHITE
    assert picture.getpixel((160, 55)) == WHITE
    turned = Region(name="door", points=DOOR.points[::-1], is_line=True)
    assert picture.getpixel((160, 55)) != draw(turned).getpixel((160, 55))
    assert draw(turned).getpixel((160, 35)) == WHITE


def test_a_line_is_visible_inside_a_box() -> None:
    mark = Mark(0, 0.9, (90, 45, 40, 40))
    picture = draw_overlay(SIZE, [mark], [ClassStyle("car", "#5b9bff")], [RegionShape.place(DOOR, SIZE)])
    assert picture.getpixel((95, 45)) == WHITE


def test_boxes_and_names_stay_visible_over_a_region() -> None:
    mark = Mark(0, 0.9, (120, 130, 40, 40))
    shapes = [RegionShape.place(DOCK, SIZE)]
    picture = draw_overlay(SIZE, [mark], [ClassStyle("car", "#5b9bff")], shapes)
    assert picture.getpixel((100, 130)) == (0x5B, 0x9B, 0xFF, 255)


def test_without_regions_nothing_changes() -> None:
    mark, styles = Mark(0, 0.9, (120, 130, 40, 40)), [ClassStyle("car", "#5b9bff")]
    assert draw_overlay(SIZE, [mark], styles, ()).tobytes() == draw_overlay(SIZE, [mark], styles).tobytes()
