"""Which packets decoding can start at."""

import io

import pytest

from tests.fuzz import plans
from tests.stand_ins.videos import VideoSpec, make_video
from videoengine import fragment_reader, media_skipping
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video


@pytest.fixture(autouse=True)
def small_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_skipping, "MIN_BYTES_PER_KEYFRAME", 0)
    monkeypatch.setattr(media_skipping, "HEAD_BYTES", 64)
    monkeypatch.setattr(fragment_reader, "BEGINNING_BYTES", 512)


def read(video: bytes) -> Timeline:
    with open_video(io.BytesIO(video)) as container:
        return read_timeline(container)


def test_keyframes_that_the_index_does_not_mark_are_not_used() -> None:
    video = make_video(VideoSpec(keyframe_every=12, texture=True))
    table = video.index(b"stss") + 8
    assert int.from_bytes(video[table : table + 4]) == 5
    marked = video[:table] + (2).to_bytes(4) + video[table + 4 :]
    assert read(marked).keyframes == read(video).keyframes[:2]
    assert plans.compare(marked) == plans.Comparison("same timeline", skipped=True)


def test_an_index_that_marks_no_keyframes_is_not_asked_for_them() -> None:
    video = make_video(VideoSpec(keyframe_every=12, texture=True))
    table = video.index(b"stss") + 8
    unmarked = video[:table] + bytes(4) + video[table + 4 :]
    assert read(unmarked) == read(video)
    assert plans.compare(unmarked) == plans.Comparison("same timeline", skipped=False)


def repeat_edit(video: bytes, times: int) -> bytes:
    """Has an MP4's edit list, of one entry, show the whole track several times."""
    place = video.index(b"elst") + 12
    count, entry = place - 4, video[place : place + 12]
    repeated = bytearray(video[:place] + entry * (times - 1) + video[place:])
    repeated[count:place] = times.to_bytes(4)
    for box in (b"moov", b"trak", b"edts", b"elst"):
        size = video.rindex(box, 0, place) - 4
        repeated[size : size + 4] = (int.from_bytes(video[size : size + 4]) + 12 * (times - 1)).to_bytes(4)
    return bytes(repeated)


def test_an_index_that_repeats_few_keyframes_often_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipping would request each of them, however small the file."""
    video = repeat_edit(make_video(VideoSpec(keyframe_every=12, texture=True)), times=3)
    monkeypatch.setattr(media_skipping, "MIN_BYTES_PER_KEYFRAME", len(video) // 6)
    assert len(read(video).keyframes) == 15
    assert plans.compare(video) == plans.Comparison("same timeline", skipped=False)
