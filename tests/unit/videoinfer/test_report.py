"""`videoinfer report` makes a page of a local results file and video."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.videojobs.outputs.derived import read_page
from videoinfer.main import app
from videoinfer.report import locate_file

BOX = {"x": 1, "y": 2, "width": 3, "height": 4, "confidence": 0.5, "class": "Rock", "class_id": 0}


def make_report(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, result.output


def write_json(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_page_is_written_to_the_given_path(tmp_path: Path, video: Path) -> None:
    results = write_json(
        tmp_path / "results.json",
        {"parts": [{"predictions": [BOX]}, None], "frame_offsets": [0, 6], "time_offsets": [0, 0.5]},
    )
    page = tmp_path / "new" / "page.html"

    status, text = make_report(results, video, "-o", page)

    assert status == 0, text
    assert "2 frames in the report" in text
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("tracker_id", "track_id"), [({}, 1), ({"tracker_id": 41}, 41)])
def test_the_page_has_track_ids(tmp_path: Path, video: Path, tracker_id: Any, track_id: int) -> None:
    element = {"predictions": [{**BOX, **tracker_id}]}
    content = {"parts": [element, element], "frame_offsets": [0, 6], "time_offsets": [0, 0.5]}
    results, page = write_json(tmp_path / "results.json", content), tmp_path / "page.html"
    status, text = make_report(results, video, "-o", page)
    assert status == 0, text
    frames = read_page(page.read_bytes())["0-0.json.gz"]["frames"]
    assert [mark[7] for marks in frames for mark in marks] == [track_id, track_id]


@pytest.mark.parametrize(
    ("video", "page", "url"),
    [
        ("a/belt.mp4", "a/page.html", "./belt.mp4"),
        ("a/belt.mp4", "out/page.html", "./../a/belt.mp4"),
        ("c: 100% #1?.mp4", "page.html", "./c%3A%20100%25%20%231%3F.mp4"),
    ],
)
def test_a_page_refers_to_its_video_by_a_relative_path(video: str, page: str, url: str, tmp_path: Path) -> None:
    assert locate_file(tmp_path / video, tmp_path / page) == url
