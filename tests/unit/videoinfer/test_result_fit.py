"""`report` and `annotate` refuse results of another video."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from videoinfer.main import app


def run(command: str, results: Path, video: Path, folder: Path) -> tuple[int, str]:
    output = folder / {"report": "out.html", "annotate": "out.mp4"}[command]
    result = CliRunner().invoke(app, [command, str(results), str(video), "--output", str(output)])
    return result.exit_code, " ".join(result.output.split())


def write_results(folder: Path, offsets: list[int], size: tuple[int, int] | None = None, fps: float = 12) -> Path:
    element: dict[str, Any] = {"predictions": []}
    if size:
        element["image"] = {"width": size[0], "height": size[1]}
    times = [offset / fps for offset in offsets]
    path = folder / "results.json"
    path.write_text(
        json.dumps({"frame_offset": offsets, "time_offset": times, "parts": [None, *[element] * (len(offsets) - 1)]})
    )
    return path


@pytest.mark.parametrize("command", ["report", "annotate"])
@pytest.mark.parametrize(
    ("offsets", "size", "fps", "words"),
    [
        ([0, 6, 30], None, 12, "they have a frame 30, and the video has 12 frames"),
        ([0, 6, 30], None, 60, "they have a frame 30, and the video has 12 frames"),
        ([0, 6], (640, 480), 12, "they have frames of 640 x 480 pixels, and those of the video 320 x 180"),
    ],
    ids=["longer", "faster", "of another shape"],
)
def test_results_of_another_video_are_refused(
    tmp_path: Path, video: Path, command: str, offsets: list[int], size: tuple[int, int] | None, fps: float, words: str
) -> None:
    results = write_results(tmp_path, offsets, size, fps)

    status, text = run(command, results, video, tmp_path)

    assert status == 1
    assert f"The results in {results} do not belong to {video}: {words}. Give the video that they are of" in text
    assert [*tmp_path.iterdir()] == [results]


def write_video(path: Path, seconds: int, fps: int, *, is_live: bool = False) -> Path:
    """Writes a video of small black frames; a live one has neither a length nor a number of frames in its header."""
    with av.open(path, "w", options={"live": "1"} if is_live else {}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(seconds * fps):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["clip.mp4", "live.mkv"])
def test_results_of_a_shorter_video_are_refused(tmp_path: Path, name: str) -> None:
    longer = write_video(tmp_path / name, seconds=30, fps=4, is_live=name == "live.mkv")
    status, text = run("report", write_results(tmp_path, [0, 40, 79], fps=4), longer, tmp_path)
    assert status == 1
    assert "they end with frame 79, and the video has 120 frames. Give the video that they are of" in text
    assert run("report", write_results(tmp_path, [0, 60, 99], fps=4), longer, tmp_path)[0] == 0


@pytest.mark.parametrize("command", ["report", "annotate"])
@pytest.mark.parametrize(
    ("offsets", "size"),
    [([0], None), ([0, 11], (320, 180)), ([0, 13], (640, 360)), ([0, 6], (180, 320)), ([], None)],
    ids=["one frame", "whole", "counted otherwise", "turned", "none"],
)
def test_results_of_the_video_are_accepted(
    tmp_path: Path, video: Path, command: str, offsets: list[int], size: tuple[int, int] | None
) -> None:
    results = tmp_path / "results.json"
    write_results(tmp_path, offsets, size) if offsets else results.write_text(
        '{"frame_offset": [], "time_offset": [], "parts": []}'
    )
    assert run(command, results, video, tmp_path)[0] == 0


def test_a_header_without_a_length_does_not_lead_to_a_refusal(tmp_path: Path) -> None:
    """After a power failure of the recorder, Matroska's header contains neither a length nor a number of frames."""
    path = write_video(tmp_path / "live.mkv", seconds=2, fps=12, is_live=True)

    assert run("report", write_results(tmp_path, [0, 12, 23]), path, tmp_path)[0] == 0


def test_a_file_that_is_not_a_video_gets_no_report(tmp_path: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("This is text.")

    status, text = run("report", write_results(tmp_path, [0]), notes, tmp_path)

    assert status == 1
    assert f"{notes}: The file is not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video" in text
