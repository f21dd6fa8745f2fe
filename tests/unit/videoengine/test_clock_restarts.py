"""MPEG-TS files that are joined from parts with a clock each."""

import io
import re

import pytest

from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.errors import JobFailed
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

PART = VideoSpec("mpegts", frames=240, texture=True)


def read(video: bytes) -> Timeline:
    with open_video(io.BytesIO(video)) as container:
        return read_timeline(container)


def test_joined_parts_with_a_clock_each_fail_with_the_command_that_mends_the_file() -> None:
    part = make_video(PART)
    expected = (
        "goes back by 9.833 s after 9.958 s, because parts with a clock each were joined. Give the file, "
        "here VIDEO, one clock: ffmpeg -i VIDEO -c:v copy VIDEO.mp4"
    )
    with pytest.raises(JobFailed, match=re.escape(expected)):
        read(part + part)


def test_a_single_wrong_time_is_no_restart() -> None:
    video = bytearray(make_video(PART))
    # The 33 bits of a decoding time that follows a presentation time (ISO/IEC 13818-1, 2.4.3.7).
    headers = [
        found.end() for found in re.finditer(rb"\x00\x00\x01\xe0..\x80[\xc0-\xcf]\x0a.{5}", bytes(video), re.DOTALL)
    ]
    video[headers[100]] |= 0b0000_1110  # the highest bits: days later
    assert 239 <= len(read(bytes(video)).timestamps) <= 240


def test_a_clock_that_goes_on_is_no_restart() -> None:
    assert len(read(make_video(PART)).timestamps) == 240
