"""`videoinfer regions` writes a frame with a grid or with regions on it."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from videoinfer.main import app

DOOR = '[{"name": "door", "line": [[0.2, 0.8], [0.7, 0.8]]}]'


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["regions", *map(str, arguments)])
    return result.exit_code, result.output


def read_level(picture: Image.Image, x: float, y: float) -> int:
    """The brightness of a pixel at a place in shares of the picture."""
    level = picture.convert("L").getpixel((round(x * picture.width), round(y * picture.height)))
    assert isinstance(level, int)
    return level


def read_highest(picture: Image.Image, x: float, y: float) -> int:
    """The highest brightness of the pixels around a place: a line of the grid is one pixel wide."""
    offsets = range(-1, 2)
    return max(read_level(picture, x + dx / picture.width, y + dy / picture.height) for dx in offsets for dy in offsets)


def test_a_frame_is_written_with_a_grid_in_shares(video: Path, tmp_path: Path) -> None:
    status, text = run(video, "--at", "0.5", "-o", tmp_path / "frame.png")
    assert status == 0, text
    assert "The frame at 0.5 s, with a grid" in text
    assert "--edit" in text
    assert "--regions" in text
    with Image.open(tmp_path / "frame.png") as picture:
        assert picture.width >= 960
        assert picture.width * 9 == picture.height * 16
        assert read_level(picture, 0.55, 0.55) == pytest.approx(120, abs=6)  # frame 6
        for share in (0.2, 0.5, 0.9):
            assert read_highest(picture, share, 0.55) > 150
            assert read_highest(picture, 0.55, share) > 150


def test_regions_are_checked_and_drawn_and_their_forms_printed(video: Path, tmp_path: Path) -> None:
    status, text = run(video, "-o", tmp_path / "frame.png", "--regions", DOOR)
    assert status == 0, text
    assert "aws s3 cp" in text
    assert '{"PREFIX/": {"regions": [{"name": "door"' in text
    with Image.open(tmp_path / "frame.png") as picture:
        assert read_level(picture, 0.3, 0.8) == 255
        assert read_level(picture, 0.3, 0.5) < 150


def test_invalid_regions_write_nothing(video: Path, tmp_path: Path) -> None:
    status, text = run(video, "-o", tmp_path / "frame.png", "--regions", '[{"name": "door"}]')
    assert status == 1
    assert "regions: 'door': it needs either a polygon or a line." in text
    assert list(tmp_path.iterdir()) == []


def test_a_time_after_the_end_is_refused(video: Path, tmp_path: Path) -> None:
    status, text = run(video, "--at", "7", "-o", tmp_path / "frame.png")
    assert status == 1
    assert "gray.mp4: there is no frame at 7 s. The last one is at 0.916667 s." in text
