"""`videoinfer infer`: the engine's core without AWS, on the shipped clip and model."""

import io
import json
from collections.abc import Container
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.stand_ins.model_files import make_answer, write_package
from tests.stand_ins.videos import VideoSpec, make_video
from videoinfer.main import app
from videoinfer.repository import SAMPLE_MODEL, SAMPLE_VIDEO


def infer(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["infer", *map(str, arguments)])
    return result.exit_code, result.output


def test_results_follow_the_contract(tmp_path: Path) -> None:
    output = tmp_path / "folder" / "results.json"

    status, text = infer(SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--infer-fps", "1", "--output", output)

    assert status == 0, text
    results = json.loads(output.read_text())
    model_id = SAMPLE_MODEL.parent.name
    assert list(results) == ["frame_offset", "time_offset", model_id]
    assert results["frame_offset"] == list(range(0, 300, 30))
    assert results["time_offset"] == [float(second) for second in range(10)]
    classes = {prediction["class"] for element in results[model_id] for prediction in element["predictions"]}
    assert classes == {"Rock", "Paper", "Scissors"}
    assert [path.name for path in output.parent.iterdir()] == ["results.json"]


def test_a_confidence_of_one_finds_nothing(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    infer(SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--infer-fps", "1", "--confidence", "1", "--output", output)
    elements = json.loads(output.read_text())[SAMPLE_MODEL.parent.name]
    assert [element["predictions"] for element in elements] == [[]] * 10


@pytest.mark.parametrize(("architecture", "is_said"), [("yolov5", True), ("yolov8", False)])
def test_a_note_says_that_the_threshold_applies_to_objectness(
    tmp_path: Path, video: Path, architecture: str, is_said: bool
) -> None:
    rows = np.array([[16, 16, 8, 12, 0.9, 0.1, 0.0]])  # objectness, and the scores of two classes
    columns = np.delete(rows, 4, axis=1).T
    files = make_answer(architecture, "object-detection", rows if is_said else columns)
    model = write_package(tmp_path / "parts" / "1", files)

    status, text = infer(video, "--model", model, "--infer-fps", "1", "--output", tmp_path / "results.json")

    assert status == 0, text
    assert ("is the minimum objectness" in text) == is_said
    [element] = json.loads((tmp_path / "results.json").read_bytes())["parts"]
    assert [prediction["confidence"] < 0.4 for prediction in element["predictions"]] == [True] * is_said


def write_damaged_video(path: Path, damaged: Container[int]) -> None:
    """Writes five groups of 12 pictures each; the groups in `damaged` can't be decoded."""
    video, place = bytearray(make_video(VideoSpec("matroska", texture=True))), 0
    with av.open(io.BytesIO(bytes(video)), "r") as container:
        for number, packet in enumerate(packet for packet in container.demux(video=0) if packet.size):
            place = video.index(bytes(packet), place)
            if number // 12 in damaged:
                video[place : place + packet.size] = b"\xff" * packet.size
    path.write_bytes(video)


@pytest.mark.slow
def test_frames_that_cannot_be_decoded_are_reported(tmp_path: Path) -> None:
    video, output = tmp_path / "video.mkv", tmp_path / "results.json"
    write_damaged_video(video, damaged=[2])
    status, text = infer(video, "--model", SAMPLE_MODEL, "--infer-fps", "24", "--output", output)
    assert status == 0, text
    assert "12 of 60 results are null, because frames can't be decoded" in " ".join(text.split())
    assert json.loads(output.read_text())[SAMPLE_MODEL.parent.name].count(None) == 12


def test_a_clock_jump_is_reported(tmp_path: Path) -> None:
    video = tmp_path / "video.mkv"
    hours = 5 * 3_600_000
    video.write_bytes(make_video(VideoSpec("matroska", frames=4, timestamps=[0, 500, hours, hours + 500])))
    status, text = infer(video, "--model", SAMPLE_MODEL, "--infer-fps", "1", "--output", tmp_path / "results.json")
    assert status == 0, text
    assert "3 frames inferred ! The clock of the video jumps by 5 h after 0.5 s" in " ".join(text.split())


def test_a_truncated_file_is_reported_or_an_error(tmp_path: Path) -> None:
    video, output = tmp_path / "video.mp4", tmp_path / "results.json"
    video.write_bytes(SAMPLE_VIDEO.read_bytes()[:100_000])
    arguments: list[str | Path] = [video, "--model", SAMPLE_MODEL, "--infer-fps", "1", "--output", output]
    said = "The file is cut off: its index names 300 frames, and 170 of them are not in the file"
    status, text = infer(*arguments)
    assert status == 1, text
    assert f"video.mp4: {said}. Upload it again." in " ".join(text.split())
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]
    status, text = infer(*arguments, "--max-failed-share", "0.6")
    assert status == 0, text
    assert f"5 frames inferred ! {said}" in " ".join(text.split())


@pytest.mark.slow
def test_too_many_frames_that_cannot_be_decoded_are_an_error(tmp_path: Path) -> None:
    video, output = tmp_path / "video.mkv", tmp_path / "results.json"
    write_damaged_video(video, damaged=[1, 2, 3])
    arguments: list[str | Path] = [video, "--model", SAMPLE_MODEL, "--infer-fps", "24", "--output", output]
    status, text = infer(*arguments)
    assert status == 1
    assert "36 of 60 results failed: the frames can't be decoded" in " ".join(text.split())
    assert [path.name for path in tmp_path.iterdir()] == ["video.mkv"]
    assert infer(*arguments, "--max-failed-share", "0.8")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.mp4", "--model", SAMPLE_MODEL], "The file nowhere.mp4 does not exist."),
        (
            [SAMPLE_VIDEO, "--model", "nowhere/1"],
            "nowhere/1 does not exist: give the folder of a model package",
        ),
        ([SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--model", SAMPLE_MODEL], "Two of the models have the same id"),
        ([SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--infer-fps", "31"], "above the video's frame rate of 30"),
        (
            [SAMPLE_MODEL / "class_names.txt", "--model", SAMPLE_MODEL],
            "class_names.txt: The file is not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video",
        ),
        (
            [SAMPLE_VIDEO, "--model", SAMPLE_MODEL, "--infer-fps", "1", "--output", "/proc/no/r.json"],
            "can't be written",
        ),
    ],
)
def test_an_impossible_request_is_refused_with_a_reason(arguments: list[str | Path], words: str) -> None:
    status, text = infer(*arguments)
    assert status == 1
    assert words in " ".join(text.split())
