"""`videoinfer annotate`: a video with a results file of this machine drawn on it."""

import json
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from videoinfer.main import app

BOX = {"x": 30, "y": 20, "width": 20, "height": 10, "confidence": 0.5, "class": "Rock", "class_id": 0}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"frame_offset": [0], "time_offset": [0], "parts": [{"predictions": [BOX]}]}))
    return path


def annotate(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["annotate", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_the_video_is_written_where_it_was_asked_for(tmp_path: Path, results: Path, video: Path) -> None:
    output = tmp_path / "new" / "drawn.mp4"
    status, text = annotate(results, video, "-o", output)
    assert status == 0, text
    assert [path.name for path in output.parent.iterdir()] == ["drawn.mp4"]
    with av.open(str(output)) as drawn, av.open(str(video)) as plain:
        assert len(list(drawn.decode(video=0))) == len(list(plain.decode(video=0)))


def test_what_is_no_video_says_so_and_leaves_nothing(tmp_path: Path, results: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("This is text.")
    status, text = annotate(results, notes, "-o", tmp_path / "out" / "drawn.mp4")
    assert status == 1
    assert "The file is not an MP4, AVI, MKV or WebM video" in text
    assert list((tmp_path / "out").iterdir()) == []
