"""Files that end before their index or header says."""

import io
from dataclasses import replace

import pytest

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from videoengine.cut_off import HEAD_BYTES, check_cut
from videoengine.errors import JobFailed
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

SPEC = VideoSpec(frames=100, texture=True)
MKV = replace(SPEC, format="matroska")
WEBM = replace(SPEC, format="webm", codec="libvpx")


def check(video: bytes, max_share: float = 0.5) -> str:
    with open_video(io.BytesIO(video)) as container:
        return check_cut(container, video[:HEAD_BYTES], read_timeline(container), max_share)


def cut(video: bytes, share: float) -> bytes:
    return video[: int(share * len(video))]


def test_an_mp4_without_most_of_its_frames_fails() -> None:
    video = cut(put_index_first(make_video(SPEC)), 0.4)
    with pytest.raises(JobFailed) as failure:
        check(video)
    reason = str(failure.value)
    assert reason == (
        "The file is cut off: its index names 100 frames, and 76 of them are not in the file. Upload it again"
    )
    assert check(video, max_share=0.76) == reason.removesuffix(". Upload it again")


@pytest.mark.parametrize("spec", [MKV, replace(MKV, audio=True), WEBM], ids=["MKV", "with sound", "WebM"])
def test_an_mkv_without_most_of_its_duration_fails(spec: VideoSpec) -> None:
    video = cut(make_video(spec), 0.3)
    with pytest.raises(JobFailed, match=r"^The file is cut off: its header names 4\.2 s, and about [23]\.\d s of them"):
        check(video)
    assert check(video, max_share=0.9).endswith("s of them are not in the file")


@pytest.mark.parametrize("spec", [MKV, WEBM], ids=["MKV", "WebM"])
def test_an_mkv_without_a_smaller_part_gets_a_note(spec: VideoSpec) -> None:
    assert check(cut(make_video(spec), 0.7)).startswith("The file is cut off: its header names 4.2 s, and about 1.")


def test_a_truncated_last_frame_gets_a_note_and_does_not_fail() -> None:
    video = put_index_first(make_video(SPEC))
    assert check(video[:-1]) == ("The file is cut off: its index names 100 frames, and 1 of them is not in the file")


AVI = replace(SPEC, format="avi", codec="mpeg4")
UNKNOWN = {
    "fragments": replace(SPEC, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "live MKV": replace(MKV, container_options={"live": "1"}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_file_without_a_declared_length_never_counts_as_truncated(name: str) -> None:
    check(cut(make_video(UNKNOWN[name]), 0.7), max_share=0)


def test_a_truncated_avi_gets_a_note_and_does_not_fail() -> None:
    video = make_video(AVI)
    missing = len(video) // 4
    assert check(video[:-missing], max_share=0) == (
        f"The file is cut off: its header names {len(video)} bytes, and {missing} of them are not in the file"
    )


def test_sound_that_outlasts_the_frames_does_not_make_a_file_truncated() -> None:
    # The frames end after a tenth of the header's duration, and only the seek index is cut off.
    video = make_video(MKV)
    duration = video.index(b"\x44\x89\x88") + 3
    longer = video[:duration] + bytes.fromhex("40e3880000000000") + video[duration + 8 :]
    assert check(longer) == ""
    assert check(longer[:-1], max_share=0.01) == ""


@pytest.mark.parametrize("name", AWKWARD_VIDEOS)
def test_a_complete_file_does_not_count_as_truncated(name: str) -> None:
    assert check(AWKWARD_VIDEOS[name](), max_share=0) == ""


@pytest.mark.parametrize("spec", [SPEC, MKV, WEBM, AVI, *UNKNOWN.values()])
def test_a_truncated_header_is_no_error(spec: VideoSpec) -> None:
    video = make_video(spec)
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
        for length in range(100):
            check_cut(container, video[:length], timeline, 0)
