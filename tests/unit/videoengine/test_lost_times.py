"""Notes about frames whose times a damaged file has lost."""

import io
import re
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.lost_times import describe_lost_times
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

SPEC = VideoSpec(frames=120)


def describe(video: bytes) -> str:
    with open_video(io.BytesIO(video)) as container:
        return describe_lost_times(container, read_timeline(container))


@pytest.mark.parametrize(
    ("box", "at", "value", "note"),
    [
        (b"stts", 16, 0, r"The file has 120 frames, and its timeline shows them at only \d different times"),
        (b"stts", 12, 1, r"The file has \d+ frames, and its timeline shows them at only \d different times"),
        (b"stts", 12, 10, r"The file has 120 frames, and its timeline shows them at only 1\d different times"),
        (b"stts", 16, 2**31 - 1, r"The file has 120 frames, and its timeline shows them at one time"),
        (b"mdhd", 16, 1, r"The file has 120 frames, and its timeline shows them at one time"),
        (b"mdhd", 16, 10_000_000, r"The timeline of the video shows its 120 frames within 0\.00\d+ s"),
    ],
)
def test_a_damaged_table_or_time_scale_gets_a_note(box: bytes, at: int, value: int, note: str) -> None:
    video = bytearray(make_video(SPEC))
    place = video.index(box) + at
    video[place : place + 4] = value.to_bytes(4)
    assert re.fullmatch(note, describe(bytes(video)))


@pytest.mark.parametrize("spec", [VideoSpec(frames=1), replace(SPEC, rate=Fraction(960))])
def test_a_single_frame_and_high_speed_recordings_get_no_note(spec: VideoSpec) -> None:
    assert describe(make_video(spec)) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD_VIDEOS)
def test_an_undamaged_file_gets_no_note(name: str) -> None:
    assert describe(AWKWARD_VIDEOS[name]()) == ""
