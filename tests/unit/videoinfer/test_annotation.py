"""`videoinfer annotate` draws a local results file on a video."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.beginnings import BEGINNINGS
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.main import app
from videojobs.drawing.video import draw_video
from videojobs.results.analysis import Analysis
from videojobs.results.samples import read_samples

BOX = {"x": 30, "y": 20, "width": 20, "height": 10, "confidence": 0.5, "class": "Rock", "class_id": 0}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"frame_offset": [0], "time_offset": [0], "parts": [{"predictions": [BOX]}]}))
    return path


def annotate(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["annotate", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_the_video_is_written_to_the_given_path(tmp_path: Path, results: Path, video: Path) -> None:
    output = tmp_path / "new" / "drawn.mp4"
    status, text = annotate(results, video, "-o", output)
    assert status == 0, text
    assert [path.name for path in output.parent.iterdir()] == ["drawn.mp4"]
    with av.open(str(output)) as drawn, av.open(str(video)) as plain:
        assert len(list(drawn.decode(video=0))) == len(list(plain.decode(video=0)))


def test_a_file_that_is_not_a_video_is_refused_and_leaves_nothing_behind(tmp_path: Path, results: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("This is text.")
    status, text = annotate(results, notes, "-o", tmp_path / "out" / "drawn.mp4")
    assert status == 1
    assert "The file is not an MP4" in text
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", BEGINNINGS.values(), ids=BEGINNINGS)
def test_every_frame_has_its_own_boxes_however_the_video_begins(make: Callable[[], bytes], tmp_path: Path) -> None:
    times, results, video, output = prepare(make(), tmp_path)
    status, text = annotate(results, video, "-o", output)
    assert status == 0, text
    check_drawn(times, output)


def prepare(content: bytes, folder: Path) -> tuple[list[float], Path, Path, Path]:
    """Returns the times of the shown frames, results with a box on every second frame, the video, and the output's
    path.
    """
    with open_video(io.BytesIO(content)) as container:
        timeline = read_timeline(container)
    times = [float(timestamp * timeline.time_base) for timestamp in timeline.timestamps]
    box = {"x": 80, "y": 80, "width": 100, "height": 60, "confidence": 0.9, "class": "odd", "class_id": 0}
    elements = [{"predictions": [box] if number % 2 else []} for number in range(len(times))]
    offsets = {"frame_offset": list(range(len(times))), "time_offset": [round(time - times[0], 4) for time in times]}
    results, video, output = (folder / name for name in ("r.json", "v", "a.mp4"))
    results.write_text(json.dumps({**offsets, "parts": elements}))
    video.write_bytes(content)
    return times, results, video, output


def check_drawn(times: list[float], output: Path) -> None:
    numbers = {round(time, 2): number for number, time in enumerate(times)}
    with av.open(str(output)) as container:
        drawn = {numbers[round(frame.time, 2)]: is_drawn(frame) for frame in container.decode(video=0)}
    assert len(drawn) >= len(times) - 1
    assert drawn == {number: bool(number % 2) for number in drawn}


UNTOLD = [name for name in BEGINNINGS if "cut" not in name or "AVI" not in name]


@pytest.mark.slow
@pytest.mark.parametrize("name", UNTOLD)
def test_without_a_start_offset_times_count_from_the_first_decoded_frame(name: str, tmp_path: Path) -> None:
    times, results, video, output = prepare(BEGINNINGS[name](), tmp_path)
    draw_video(video, read_samples(results, ["parts"], Analysis(track=True)), output, lambda _: None)
    check_drawn(times, output)


def is_drawn(frame: av.VideoFrame) -> bool:
    """Tells whether the frame contains the first class's blue."""
    pixels = frame.to_ndarray(format="rgb24").astype(int)
    return int((pixels[..., 2] - pixels[..., 0] > 60).sum()) > 100


def test_the_video_is_annotated_and_not_its_thumbnail(tmp_path: Path, results: Path) -> None:
    video = tmp_path / "drone.mp4"
    video.write_bytes(AWKWARD_VIDEOS["a thumbnail before the video"]())
    results.write_text(json.dumps({"frame_offset": [0, 59], "time_offset": [0, 2], "parts": [None, None]}))
    status, text = annotate(results, video, "-o", tmp_path / "a.mp4")
    assert status == 0, text
    with av.open(str(tmp_path / "a.mp4")) as drawn:
        assert len(list(drawn.decode(video=0))) == 60
