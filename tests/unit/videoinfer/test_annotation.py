"""`videoinfer annotate` draws a local results file on a video."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, copy_packets, make_video
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
    assert "The file is not an MP4, AVI, MKV or WebM video" in text
    assert list((tmp_path / "out").iterdir()) == []


LARGE = VideoSpec(width=160, height=120)
OPEN_GOP = replace(
    LARGE, format="matroska", options={"x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=12:scenecut=0"}
)
MPEG2 = replace(LARGE, format="matroska", codec="mpeg2video", options={"bf": "2", "b_strategy": "0"})
LATE = [2000 + 40 * number for number in range(60)]
BEGINNINGS: Mapping[str, Callable[[], bytes]] = {
    "MP4": partial(make_video, LARGE),
    "MP4 without an edit list": partial(make_video, replace(LARGE, container_options={"use_editlist": "0"})),
    "MP4 whose sound begins before": partial(make_video, replace(LARGE, timestamps=LATE, audio=True)),
    "MOV that begins later": partial(make_video, replace(LARGE, format="mov", timestamps=LATE)),
    "MKV that begins later": partial(make_video, replace(LARGE, format="matroska", timestamps=LATE)),
    "WebM": partial(make_video, replace(LARGE, format="webm", codec="libvpx", options={"deadline": "realtime"})),
    "AVI": partial(make_video, replace(LARGE, format="avi", codec="mpeg4")),
    "AVI of reordered frames": partial(make_video, replace(LARGE, format="avi", options={"bf": "2"})),
    "H.264 cut at its beginning": lambda: cut(make_video(OPEN_GOP)),
    "H.264 cut at its beginning, in AVI": lambda: cut(make_video(OPEN_GOP), "avi", "h264_mp4toannexb"),
    "MPEG-2 cut at its beginning": lambda: cut(make_video(MPEG2)),
    "first frame damaged": lambda: damage(make_video(replace(LARGE, keyframe_every=1, options={"bf": "0"}))),
}


def cut(video: bytes, container_format: str = "matroska", bitstream_filter: str | None = None) -> bytes:
    """Copies a video from its second keyframe on."""
    with av.open(io.BytesIO(video), "r") as container:
        _, second, *_ = (number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe)
    return copy_packets(video, container_format, first=second, bitstream_filter=bitstream_filter)


def damage(video: bytes) -> bytes:
    with av.open(io.BytesIO(video), "r") as container:
        first = bytes(next(container.demux(video=0)))
    return video.replace(first, bytes(len(first)))


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
    status, text = annotate(results, video, "-o", tmp_path / "a.mp4")
    assert status == 0, text
    with av.open(str(tmp_path / "a.mp4")) as drawn:
        assert len(list(drawn.decode(video=0))) == 60
