"""The annotated video, decoded again: what is drawn where and when, its times and its sound, for every
kind of video.
"""

import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tests.plain_reading import read_plainly
from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.unit.videojobs.drawing.clips import (
    GRAY,
    HEIGHT,
    WIDTH,
    Clip,
    add_sound,
    assert_box_at,
    draw,
    find_box,
    make_sample,
    read_pictures,
    read_sound,
    write_pictures,
    write_tone,
)
from videoinfer.repository import ROOT
from videojobs.drawing import video as annotated_video
from videojobs.drawing.video import choose_preset, draw_video
from videojobs.errors import VideoNotDrawable
from videojobs.results.samples import Sample

SHARED_VIDEOS = ROOT.parent / "shared" / "data" / "videos"


def test_results_for_another_picture_size_are_scaled(tmp_path: Path) -> None:
    sample = make_sample(0, 320, 200, size=(2 * WIDTH, 2 * HEIGHT))
    left, _, right, bottom = find_box(read_pictures(draw(Clip().write(tmp_path), [sample], tmp_path))[0][1])
    assert (left, right, bottom) == pytest.approx((145, 175, 110), abs=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "clip",
    [
        pytest.param(Clip("mkv", milliseconds=[0, 33, 50, 200, 210, 700, 1900]), id="frame rate that varies"),
        pytest.param(Clip("webm", "libvpx"), id="webm"),
        pytest.param(Clip("avi", "mpeg4"), id="avi"),
        pytest.param(Clip(size=(321, 181), pixels="yuv444p"), id="odd sides"),
        pytest.param(Clip("mkv", "mjpeg", pixels="yuvj422p"), id="full range"),
        pytest.param(Clip("mkv", pixels="yuv420p10le"), id="10 bits"),
    ],
)
def test_every_kind_of_video_becomes_h264_with_the_same_times(tmp_path: Path, clip: Clip) -> None:
    video = clip.write(tmp_path)
    output = draw(video, [make_sample(0, 160, 100, size=clip.size)], tmp_path)
    before, after = read_pictures(video), read_pictures(output)
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.002)
    assert_box_at(after[3][1], 160, 100)
    assert np.abs(after[3][1][150:170, 10:50].astype(int) - GRAY).max() < 12
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert container.format.name.startswith("mov,mp4")


@pytest.mark.parametrize(("degrees", "x", "y"), [(90, 80, 60), (270, 100, 260)])
def test_a_phone_s_video_is_upright(tmp_path: Path, degrees: int, x: float, y: float) -> None:
    """The video is stored rotated. A point at (60, 100) in the stored picture is shown at (x, y)."""
    video = Clip().write(tmp_path)
    turn_clockwise(video, degrees)
    picture = read_pictures(draw(video, [make_sample(0, 60, 100)], tmp_path))[0][1]
    assert picture.shape[:2] == (WIDTH, HEIGHT)
    left, _, right, bottom = find_box(picture)
    assert (left, right, bottom) == pytest.approx((x - 20, x + 20, y + 30), abs=3)


@pytest.mark.parametrize(("degrees", "size"), [(90, (HEIGHT, WIDTH)), (180, (WIDTH, HEIGHT))])
def test_detections_on_an_upright_picture_are_not_rotated(tmp_path: Path, degrees: int, size: tuple[int, int]) -> None:
    video = Clip().write(tmp_path)
    turn_clockwise(video, degrees)
    sample = make_sample(0, 80, 60, size=size)
    picture = read_pictures(draw(video, [sample], tmp_path))[0][1]
    assert picture.shape[:2] == size[::-1]
    assert_box_at(picture, 80, 60)


def turn_clockwise(video: Path, degrees: int) -> None:
    """Writes the matrix by which players rotate the pictures into the track header."""
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    one, last = 1 << 16, 1 << 30
    numbers = (matrix[0] * one, matrix[1] * one, 0, matrix[2] * one, matrix[3] * one, 0, 0, 0, last)
    content = bytearray(video.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: ten fields precede the matrix
    content[at : at + 36] = struct.pack(">9i", *numbers)
    video.write_bytes(content)


@pytest.mark.parametrize(
    ("content", "words"), [(b"This is text.", "can't be read: Invalid data"), (b"", "can't be read")]
)
def test_a_file_that_is_not_a_video_is_refused_with_the_reason(tmp_path: Path, content: bytes, words: str) -> None:
    video = tmp_path / "notes.mp4"
    video.write_bytes(content)
    with pytest.raises(VideoNotDrawable, match=words):
        draw(video, [], tmp_path)


def test_a_file_with_only_sound_is_refused_with_the_reason(tmp_path: Path) -> None:
    video = tmp_path / "sound.mp4"
    with av.open(str(video), "w") as container:
        write_tone(container, add_sound(container, "aac"), seconds=2)
    with pytest.raises(VideoNotDrawable, match=r"^The file has no video stream, or is cut off\.$"):
        draw(video, [], tmp_path)


def test_a_build_without_x264_is_an_error_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotated_video, "_ENCODER", "libopenh264")
    with pytest.raises(VideoNotDrawable, match="This build of PyAV has no libopenh264"):
        draw(Clip().write(tmp_path), [], tmp_path)


def test_a_damaged_video_is_drawn_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    video = Clip("mkv").write(tmp_path)
    content = video.read_bytes()
    video.write_bytes(content[: len(content) * 2 // 3])
    pictures = read_pictures(draw(video, [make_sample(0, 160, 100)], tmp_path))
    assert 5 < len(pictures) < 50
    assert_box_at(pictures[3][1], 160, 100)


def test_drawing_can_be_stopped(tmp_path: Path) -> None:
    class TimeIsUp(Exception):
        pass

    def watch(share: float) -> None:
        shares.append(share)
        if share > 0.5:
            raise TimeIsUp

    shares: list[float] = []
    with pytest.raises(TimeIsUp):
        draw_video(Clip().write(tmp_path), [], tmp_path / "annotated.mp4", watch)
    assert 0 <= shares[0] < 0.1
    assert 0.5 < shares[-1] < 0.7


def test_a_long_video_is_encoded_with_a_faster_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = Clip().write(tmp_path)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        first = next(container.decode(stream))
        assert choose_preset(stream, first) == "veryfast"
        monkeypatch.setattr(annotated_video, "VERYFAST_MAX_PIXELS", 40 * WIDTH * HEIGHT)
        assert choose_preset(stream, first) == "ultrafast"
    pictures = read_pictures(draw(video, [make_sample(0, 160, 100)], tmp_path))
    assert len(pictures) == 50
    assert_box_at(pictures[49][1], 160, 100)


MEASURE = """
import sys
from pathlib import Path
from videojobs.drawing.video import draw_video
from videojobs.results.analysis import Analysis
from videojobs.results.samples import read_samples
video, results, output = map(Path, sys.argv[1:])
draw_video(video, read_samples(results, ["parts"], Analysis(track=True)), output, watch=lambda _: None)
[line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(int(line.split()[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Only Linux tells a process's peak memory.")
def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    box = '{"x": 160, "y": 90, "width": 60, "height": 40, "confidence": 0.9, "class": "part", "class_id": 0}'
    peaks = []
    for frames in (300, 1500):
        folder = tmp_path / str(frames)
        folder.mkdir()
        video = Clip(size=(64, 48), milliseconds=range(0, 40 * frames, 40), sound="aac").write(folder)
        elements = ",".join(f'{{"predictions": [{",".join([box] * 20)}]}}' for _ in range(frames))
        numbers = ",".join(map(str, range(frames)))
        results = folder / "results.json"
        results.write_text(f'{{"frame_offset": [{numbers}], "time_offset": [{numbers}], "parts": [{elements}]}}')
        paths = [str(path) for path in (video, results, folder / "annotated.mp4")]
        answer = subprocess.run([sys.executable, "-c", MEASURE, *paths], check=True, capture_output=True, text=True)
        peaks.append(int(answer.stdout))
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_VIDEOS.is_dir(), reason=f"There are no videos in {SHARED_VIDEOS}.")
def test_a_real_video_keeps_its_pictures_its_sound_and_its_times(tmp_path: Path) -> None:
    video = SHARED_VIDEOS / "car-detection.mp4"
    output = draw(video, [make_sample(0, 380, 200, size=(768, 432))], tmp_path)
    before, after = read_pictures(video), read_pictures(output)
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.001)
    assert [content for _, content in read_sound(output)] == [content for _, content in read_sound(video)]
    for number in (0, 200, 376):
        assert_box_at(after[number][1], 380, 200)
        difference = after[number][1][250:].astype(int) - before[number][1][250:]
        assert np.abs(difference).mean() < 4


@pytest.mark.slow
def test_a_frame_above_the_size_limit_is_refused_with_the_reason(tmp_path: Path) -> None:
    video = write_pictures(tmp_path / "large.avi", (4096, 4096))
    assert video.stat().st_size < 300_000
    words = "or all have more than 8,847,360 pixels"
    with pytest.raises(VideoNotDrawable, match=words):
        draw_video(video, [], tmp_path / "a.mp4", lambda _: None, frame_max_pixels=8_847_360)


def test_a_frame_that_grows_above_the_limit_is_left_out(tmp_path: Path) -> None:
    video = write_pictures(tmp_path / "grows.avi", (64, 48), (4096, 4096), (64, 48))
    assert draw_video(video, [], tmp_path / "a.mp4", lambda _: None, frame_max_pixels=8_847_360).frames == 2
    assert draw_video(video, [], tmp_path / "b.mp4", lambda _: None).frames == 3


def test_a_video_without_times_is_annotated_too(tmp_path: Path) -> None:
    video = Clip(format="avi", milliseconds=range(0, 400, 40)).write(tmp_path)
    shares: list[float] = []
    draw_video(video, [], tmp_path / "a.mp4", shares.append)
    assert len(shares) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD_VIDEOS)
def test_every_frame_that_a_player_shows_has_its_own_box_at_its_own_time(tmp_path: Path, name: str) -> None:
    """Every other frame has a box; compared with a simple decode of the same video, and with the video
    without boxes.
    """
    video = AWKWARD_VIDEOS[name]()
    (tmp_path / "video").write_bytes(video)
    times = [float(frame.time) for frame in read_plainly(video)]
    samples = [
        Sample.normalize(number, round(time, 4), {"parts": {"image": FRAME, "predictions": ALL_OVER[: number % 2]}})
        for number, time in enumerate(times)
    ]
    drawn = read_pictures(draw(tmp_path / "video", samples, tmp_path))
    plain = read_pictures(draw(tmp_path / "video", [], tmp_path))
    assert [time - drawn[0][0] for time, _ in drawn] == pytest.approx(times, abs=0.002)
    visible = 12 * 64 / drawn[0][1].shape[1]  # a box of thin lines covers less of a larger picture
    differences = [
        np.abs(picture.astype(int) - other).mean() for (_, picture), (_, other) in zip(drawn, plain, strict=True)
    ]
    assert [number for number, it in enumerate(differences) if it > visible] == list(range(1, len(times), 2))


FRAME = {"width": 64, "height": 48}
ALL_OVER = [{"x": 32, "y": 24, "width": 60, "height": 44, "confidence": 0.9, "class": "part", "class_id": 0}]


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 0.6])
@pytest.mark.parametrize("damage", [bytes(40), b"\xff" * 40], ids=["zeros", "ones"])
def test_a_decoder_s_own_error_costs_only_one_group_of_pictures(tmp_path: Path, share: float, damage: bytes) -> None:
    """Some damage makes AV1's decoder run out of memory."""
    content = bytearray(AWKWARD_VIDEOS["AV1 in MP4"]())
    place = int(len(content) * share)
    content[place : place + len(damage)] = damage
    (tmp_path / "video.mp4").write_bytes(content)
    assert 10 < len(read_pictures(draw(tmp_path / "video.mp4", [], tmp_path))) < 60


def test_an_unknown_codec_is_given_as_the_reason(tmp_path: Path) -> None:
    video = Clip().write(tmp_path)
    video.write_bytes(video.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(VideoNotDrawable, match="has a codec that this version of FFmpeg does not know"):
        draw(video, [], tmp_path)


def test_a_damaged_description_of_the_codec_is_given_as_the_reason(tmp_path: Path) -> None:
    video = Clip("mkv", "libx265", options={"x265-params": "log-level=none"}).write(tmp_path)
    content = video.read_bytes()
    start = content.index(b"\x63\xa2") + 10  # CodecPrivate
    video.write_bytes(content[:start] + b"\xff" * 60 + content[start + 60 :])
    with pytest.raises(VideoNotDrawable, match="can't be read: Invalid data"):
        draw(video, [], tmp_path)
