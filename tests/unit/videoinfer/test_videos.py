"""A local video, as the engine reads it."""

from pathlib import Path

import pytest

from videoinfer.errors import CommandError
from videoinfer.videos import sample_video


def test_frames_are_sampled_as_the_engine_samples_them(video: Path) -> None:
    assert [frame.frame_offset for frame in sample_video(video, 4)] == [0, 3, 6, 9]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "notes.mp4",
            b"not a video",
            "notes.mp4: The file is not an MP4, AVI, MKV, WebM, MOV, M4V, 3GP, 3G2 or MPEG-TS video",
        ),
        ("empty.mkv", b"", "empty.mkv is empty"),
        ("my clip.wmv", b"video", r"ffmpeg -i '/.*my clip.wmv' './my clip.mp4'"),
        ("-y clip.wmv", b"video", r"ffmpeg -i '/.*-y clip.wmv' './-y clip.mp4'"),
        ("clip", b"video", "the engine reads .mp4, .avi, .mkv, .webm, .mov, .m4v"),
    ],
)
def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(CommandError, match=message):
        sample_video(path, 5)


def test_a_video_without_decodable_frames_is_refused(video: Path, tmp_path: Path) -> None:
    content = bytearray(video.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    (tmp_path / "damaged.mp4").write_bytes(content)

    with pytest.raises(CommandError, match=r"damaged.mp4: none of its first frames can be decoded"):
        sample_video(tmp_path / "damaged.mp4", 5)


@pytest.mark.parametrize("infer_fps", [1, 2.5, 12])
def test_sampling_rates_up_to_the_frame_rate_are_accepted(video: Path, infer_fps: float) -> None:
    assert sample_video(video, infer_fps)


@pytest.mark.parametrize(
    ("infer_fps", "words"),
    [
        (-1, "at least 1"),
        (0, "at least 1"),
        (0.99, "at least 1"),
        (float("inf"), "at least 1"),
        (float("nan"), "at least 1"),
        (12.01, "above the video's frame rate of 12"),
    ],
)
def test_other_sampling_rates_are_refused(video: Path, infer_fps: float, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        sample_video(video, infer_fps)
