"""A camera's clock that is set during the recording."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.videojobs.drawing.clips import (
    Clip,
    draw,
    is_drawn,
    make_sample,
    read_pictures,
    read_sound,
)
from videojobs.drawing.closed_gaps import GAP_MAX_SECONDS, ClosedGaps
from videojobs.results.samples import Sample


@pytest.mark.slow
@pytest.mark.parametrize("sound", [None, "aac", "mp2"])  # MP2 is converted to AAC
@pytest.mark.parametrize("hours", [5, 40, 720])
def test_a_clock_jump_does_not_keep_a_frame_on_screen_for_hours(tmp_path: Path, hours: int, sound: str | None) -> None:
    """FFmpeg refuses an MP4 with a frame of more than 37 hours, or corrupts all later times."""
    video = set_clock(Clip("mkv", sound=sound, options={"bf": "0"}).write(tmp_path), 1, hours * 3600)
    samples = [make_sample(0, 160, 100), Sample.normalize(25, 1 + hours * 3600, {"parts": {"predictions": []}})]
    output = draw(video, samples, tmp_path)
    pictures = read_pictures(output)
    assert [time for time, _ in pictures] == pytest.approx([number / 25 for number in range(50)], abs=0.002)
    assert [is_drawn(picture) for _, picture in pictures] == [number < 25 for number in range(50)]
    if sound:
        times = [time for time, _ in read_sound(output)]
        assert times == sorted(times)
        assert 1.8 < times[-1] < 2.2


def set_clock(video: Path, at: int, seconds: int) -> Path:
    """Copies a video with all times from `at` seconds on moved by `seconds`, as if the camera's clock had been set."""
    changed = video.with_name(f"set.{video.name}")
    with av.open(str(video)) as source, av.open(str(changed), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            if packet.pts * packet.time_base >= at:
                jump = int(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + jump, packet.dts + jump
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    return changed


steps = st.lists(st.integers(0, 100) | st.integers(GAP_MAX_SECONDS * 10 + 1, 10**9), max_size=30)


@given(steps)
def test_gaps_that_are_too_long_get_the_length_of_the_one_before(steps: list[int]) -> None:
    """Steps are in tenths of a second."""
    gaps, ticks, expected, usual = ClosedGaps(Fraction(1, 10)), 7, [7], 1
    closed = [gaps.close(ticks)]
    for step in steps:
        ticks += step
        closed.append(gaps.close(ticks))
        if 0 < step <= GAP_MAX_SECONDS * 10:
            usual = step
        expected.append(expected[-1] + (usual if step > GAP_MAX_SECONDS * 10 else step))
    assert closed == expected
