"""`videoinfer report`: a page of a results file and a video on this machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from videoinfer.main import app
from videoinfer.report import locate_video
from videoinfer.results_file import read_results_file

BOX = {"x": 1, "y": 2, "width": 3, "height": 4, "confidence": 0.5, "class": "Rock", "class_id": 0}


def make_report(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, result.output


def write_json(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_page_is_written_where_it_was_asked_for(tmp_path: Path, video: Path) -> None:
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


def test_keys_may_come_in_any_order_and_elements_hold_anything(tmp_path: Path) -> None:
    results: dict[str, list[Any]] = {
        "clip.v1": [[0.5, 1e-3], {"embeddings": [[1]]}],
        "time_offset": [0.0, 0.5],
        "parts": [None, {"a.b": [{"c": [1, [2]]}], "frame_offset": 3}],
        "frame_offset": [0, 12],
    }
    file = read_results_file(write_json(tmp_path / "results.json", results))

    assert file.model_ids == ("clip.v1", "parts")
    assert list(file.read_elements()) == [
        (model_id, offset, time, results[model_id][number])
        for model_id in ("clip.v1", "parts")
        for number, (offset, time) in enumerate([(0, 0.0), (12, 0.5)])
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (" ", "is not a results file"),
        ('{"frame_offset": [0', "is not a results file"),
        ("[1]", "'{' is missing"),
        ({"frame_offset": 3, "time_offset": []}, "it has no list frame_offset"),
        ({"frame_offset": []}, "it has no list time_offset"),
        ({"frame_offset": ["a"]}, "is not a results file"),
        ({"frame_offset": [0], "time_offset": [0], "parts": [None, None]}, "1 frame offsets but 2 of parts"),
        ({"frame_offset": [0], "time_offset": []}, "1 frame offsets but 0 of time offsets"),
    ],
)
def test_what_is_no_results_file_is_said(content: Any, words: str, tmp_path: Path, video: Path) -> None:
    results = write_json(tmp_path / "results.json", content)

    status, text = make_report(results, video, "-o", tmp_path / "page.html")

    assert status == 1
    assert words in text
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("video", "page", "url"),
    [
        ("a/belt.mp4", "a/page.html", "./belt.mp4"),
        ("a/belt.mp4", "out/page.html", "./../a/belt.mp4"),
        ("c: 100% #1?.mp4", "page.html", "./c%3A%20100%25%20%231%3F.mp4"),
    ],
)
def test_a_page_finds_its_video_by_the_path_between_them(video: str, page: str, url: str, tmp_path: Path) -> None:
    assert locate_video(tmp_path / video, tmp_path / page) == url
