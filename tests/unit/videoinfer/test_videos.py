from fractions import Fraction
from pathlib import Path

import pytest
from PIL import ImageStat

from videoinfer.errors import CommandError
from videoinfer.videos import Video, check_infer_fps, decode_frame, read_video


def test_a_video_says_its_frame_rate(video: Path) -> None:
    assert read_video(video) == Video(video, Fraction(12))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.mp4", b"not a video", "notes.mp4 is not a video that can be decoded"),
        ("empty.mkv", b"", "empty.mkv is empty"),
        ("my clip.mov", b"video", "ffmpeg -i .*my clip.mov' 'my clip.mp4'"),
        ("clip", b"video", "the API takes .mp4, .avi, .mkv, .webm"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CommandError, match=message):
        read_video(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no file .*nothing\.mp4"):
        read_video(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("infer_fps", [1, 2.5, 29.97002997002997])
def test_sampling_rates_up_to_the_frame_rate_are_taken(infer_fps: float) -> None:
    check_infer_fps(infer_fps, Video(Path("clip.mp4"), Fraction(30000, 1001)))


@pytest.mark.parametrize("infer_fps", [-1, 0, 0.99, 29.98, 30, float("inf"), float("nan")])
def test_other_sampling_rates_are_refused(infer_fps: float) -> None:
    with pytest.raises(CommandError, match=r"from 1 to the video's frame rate, 29\.97"):
        check_infer_fps(infer_fps, Video(Path("clip.mp4"), Fraction(30000, 1001)))


@pytest.mark.parametrize("frame_offset", [0, 5, 11])
def test_frames_are_counted_in_presentation_order(video: Path, frame_offset: int) -> None:
    [mean, *_] = ImageStat.Stat(decode_frame(video, frame_offset)).mean

    assert mean == pytest.approx(20 * frame_offset, abs=3)


def test_a_frame_beyond_the_end_is_an_error(video: Path) -> None:
    with pytest.raises(IndexError, match="no frame 12"):
        decode_frame(video, 12)
