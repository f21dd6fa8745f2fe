from fractions import Fraction
from pathlib import Path

import av
import numpy as np
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


@pytest.mark.parametrize(("rotation", "brighter"), [(90, "above"), (270, "below")])
def test_a_picture_is_turned_as_players_turn_it(tmp_path: Path, rotation: int, brighter: str) -> None:
    path = tmp_path / "lying.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(rotation)
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:, 32:] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

    image = decode_frame(path, 0)

    assert image.size == (32, 64)
    above, below = (ImageStat.Stat(image.crop(box)).mean[0] for box in [(0, 0, 32, 32), (0, 32, 32, 64)])
    assert (above > below) == (brighter == "above")
