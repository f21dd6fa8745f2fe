import json
from pathlib import Path

import pytest
from PIL import Image

from videoinfer.notices import Notice
from videoinfer.outputs import prepare_folder, save_notice, save_preview


def test_an_earlier_runs_files_go_and_a_persons_own_stay(tmp_path: Path) -> None:
    for name in ("results.json", "job.json", "notice.txt", "preview.png", "report.html", "mine.txt"):
        (tmp_path / name).touch()

    prepare_folder(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_notice_is_written_with_its_subject(tmp_path: Path) -> None:
    save_notice(tmp_path, Notice("Done: clip.mp4", "Video    ü"))

    assert (tmp_path / "notice.txt").read_text(encoding="utf-8") == "Subject: Done: clip.mp4\n\nVideo    ü\n"


def test_the_preview_is_of_the_frame_with_most_detections(tmp_path: Path, video: Path) -> None:
    box = {"x": 160, "y": 90, "width": 40, "height": 40, "confidence": 0.9, "class": "rock", "class_id": 0}
    results = {
        "frame_offset": [0, 4, 8],
        "time_offset": [0.0, 0.3333, 0.6667],
        "hands": [{"predictions": []}, {"predictions": [box]}, None],
    }
    (tmp_path / "results.json").write_text(json.dumps(results))

    save_preview(tmp_path, video, "hands")

    with Image.open(tmp_path / "preview.png") as preview:
        assert preview.width >= 1280
        # Beside the box is the video: frame 4 is grey, 80 of 255.
        assert preview.getpixel((10, preview.height - 10)) == pytest.approx((80, 80, 80), abs=3)
