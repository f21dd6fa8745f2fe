"""Files that end before their index or header says."""

import io
import re
import struct
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from tests.stand_ins.awkward_videos import AWKWARD_VIDEOS
from tests.stand_ins.videos import VideoSpec, make_video, put_index_first
from videoengine.cut_off import check_cut
from videoengine.errors import JobFailed
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video

SPEC = VideoSpec(frames=100, texture=True)
MKV = replace(SPEC, format="matroska")
WEBM = replace(SPEC, format="webm", codec="libvpx")


def check(video: bytes, max_share: float = 0.5) -> str:
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
        return check_cut(container, io.BytesIO(video), timeline, max_share)


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


@pytest.mark.slow
@pytest.mark.parametrize("spec", [MKV, replace(MKV, audio=True), WEBM], ids=["MKV", "with sound", "WebM"])
def test_an_mkv_without_most_of_its_duration_fails(spec: VideoSpec) -> None:
    video = cut(make_video(spec), 0.3)
    with pytest.raises(JobFailed, match=r"^The file is cut off: its header names 4\.2 s, and about [23]\.\d s of them"):
        check(video)
    assert check(video, max_share=0.9).endswith("s of them are not in the file")


@pytest.mark.slow
@pytest.mark.parametrize("spec", [MKV, WEBM], ids=["MKV", "WebM"])
def test_an_mkv_without_a_smaller_part_gets_a_note(spec: VideoSpec) -> None:
    assert check(cut(make_video(spec), 0.7)).startswith("The file is cut off: its header names 4.2 s, and about 1.")


def test_a_truncated_last_frame_gets_a_note_and_does_not_fail() -> None:
    video = put_index_first(make_video(SPEC))
    assert check(video[:-1]) == ("The file is cut off: its index names 100 frames, and 1 of them is not in the file")


CLUSTER = bytes.fromhex("1f43b675")
AVI = replace(SPEC, format="avi", codec="mpeg4")
FRAGMENTS = {
    name: replace(SPEC, container_options={"movflags": flags, "frag_duration": duration})
    for name, flags, duration in [
        ("one fragment", "empty_moov+default_base_moof", "100000000"),
        ("DASH", "dash+delay_moov", "100000000"),
        ("QuickTime", "empty_moov", "100000000"),
        ("fragments of half a second", "frag_keyframe+empty_moov+default_base_moof", "0"),
        ("fragments after the first frames", "frag_keyframe+default_base_moof", "0"),
    ]
}
FRAGMENTS["QuickTime"] = replace(FRAGMENTS["QuickTime"], format="mov")
LIVE = replace(MKV, container_options={"live": "1", "cluster_time_limit": "500"})


@pytest.mark.parametrize("name", ["one fragment", "DASH", "QuickTime"])
def test_a_file_without_most_of_its_only_fragment_fails(name: str) -> None:
    video = cut(make_video(FRAGMENTS[name]), 0.3)
    with pytest.raises(JobFailed) as failure:
        check(video)
    assert re.fullmatch(
        r"The file is cut off: its index names (100 frames|\d+ bytes), and \d+ of them are not in the file. Upload it "
        "again",
        str(failure.value),
    )


def put_sizes_first(video: bytes, version: int) -> bytes:
    """Adds the index of all fragments (`sidx`), as FFmpeg's `global_sidx` does, which can't write to memory."""
    starts = [match.start() - 4 for match in re.finditer(b"moof", video)]
    sizes = [end - start for start, end in pairwise([*starts, video.index(b"mfra") - 4])]
    time = "Q" if version else "I"
    index = struct.pack(f">BxxxII{time}{time}HH", version, 1, 24, 0, 0, 0, len(sizes))
    index += b"".join(struct.pack(">III", size, SPEC.keyframe_every, 0x90000000) for size in sizes)
    return video[: starts[0]] + struct.pack(">I", len(index) + 8) + b"sidx" + index + video[starts[0] :]


@pytest.mark.parametrize("version", [0, 1])
def test_fragments_without_most_of_the_indexed_bytes_fail(version: int) -> None:
    video = put_sizes_first(make_video(FRAGMENTS["fragments of half a second"]), version)
    fragments_end = video.index(b"mfra") - 4
    assert check(video, max_share=0) == check(video[:fragments_end], max_share=0) == ""
    size = video.rindex(b"moof", 0, fragments_end // 3) - 4  # after a whole fragment
    with pytest.raises(JobFailed) as failure:
        check(video[:size])
    said = f"The file is cut off: its index names {fragments_end} bytes, and {fragments_end - size} of them are not"
    assert str(failure.value).startswith(said)
    assert check(video[: fragments_end - 1]).endswith("1 of them is not in the file")


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_cut_inside_a_fragment_gets_a_note(name: str) -> None:
    video = make_video(FRAGMENTS[name])
    data_end = video.rindex(b"mdat") - 4 + int.from_bytes(video[video.rindex(b"mdat") - 4 :][:4])
    assert check(video[: data_end - 1]).endswith("1 of them is not in the file")


def test_an_mp4_without_a_part_of_the_index_at_its_end_fails() -> None:
    # The last table, `stco`, says where the frames are: each alone, because there is sound between them.
    video = make_video(replace(SPEC, audio=True, rate=Fraction(12), frames=36))
    table = video.index(b"stco", video.index(b"vide"))
    places = int.from_bytes(video[table + 8 : table + 12])
    with pytest.raises(JobFailed, match=r"^The file is cut off: its index names 36 frames, and 27 of them are not"):
        check(video[: table + 12 + 4 * (places // 4)])


def test_a_live_mkv_that_ends_inside_a_cluster_gets_a_note() -> None:
    video = make_video(LIVE)
    start = video.rindex(CLUSTER)
    assert check(video[:-20]) == (
        f"The file is cut off: its last cluster names {len(video) - start} bytes, and 20 of them are not in the file"
    )
    assert check(video[:start], max_share=0) == ""


def test_a_live_mkv_without_sizes_never_counts_as_truncated() -> None:
    video, start = bytearray(make_video(LIVE)), 0
    while (start := video.find(CLUSTER, start)) >= 0:
        size = start + len(CLUSTER)
        length = 9 - video[size].bit_length()
        video[size : size + length] = (2 ** (7 * length + 1) - 1).to_bytes(length)
        start = size
    assert check(cut(bytes(video), 0.7), max_share=0) == ""


@pytest.mark.slow
@pytest.mark.parametrize("spec", [SPEC, MKV, LIVE, *FRAGMENTS.values()])
def test_bytes_after_the_video_do_not_make_a_file_truncated(spec: VideoSpec) -> None:
    video = make_video(spec)
    for trailer in (bytes(100), b"\xff" * 100, b"\x7f\xff\xff\xffmdat", b"\x00\x00\x01\x00free", b"GIF89a" * 20):
        assert check(video + trailer, max_share=0) == ""


def test_frames_in_a_last_box_without_a_size_are_complete() -> None:
    video = bytearray(make_video(FRAGMENTS["one fragment"]))
    data = video.rindex(b"mdat") - 4
    end = data + int.from_bytes(video[data : data + 4])
    video[data : data + 4] = bytes(4)
    assert check(bytes(video[:end]), max_share=0) == ""
    assert check(bytes(video[: end - 1])).endswith("1 of them is not in the file")


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


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD_VIDEOS)
def test_a_complete_file_does_not_count_as_truncated(name: str) -> None:
    assert check(AWKWARD_VIDEOS[name](), max_share=0) == ""


@pytest.mark.slow
@pytest.mark.parametrize("spec", [SPEC, MKV, WEBM, AVI, LIVE, *FRAGMENTS.values()])
def test_a_truncated_header_is_no_error(spec: VideoSpec) -> None:
    video = make_video(spec)
    with open_video(io.BytesIO(video)) as container:
        timeline = read_timeline(container)
        for length in range(100):
            check_cut(container, io.BytesIO(video[:length]), timeline, 0)
