"""A video's frames and frame rate, read from its packets."""

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from tests.stand_ins.videos import VideoSpec, make_video
from videoengine.errors import JobFailed
from videoengine.lead_in import LeadIn
from videoengine.segments import select_frames
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

WEBM = VideoSpec("webm", "libvpx", options={"deadline": "realtime", "cpu-used": "8"})
STILL_AT_FIRST = [*range(0, 40_000, 1000), *range(40_000, 59_800, 33)]
KEY = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb", "encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}


def read(video: bytes) -> Timeline:
    with open_video(io.BytesIO(video)) as container:
        return read_timeline(container)


def forget_frame_rate(webm: bytes) -> bytes:
    """Replaces DefaultDuration with a Void element, because browsers write none."""
    place = webm.index(b"\x23\xe3\x83\x84")
    return webm[:place] + b"\xec\x86" + bytes(6) + webm[place + 8 :]


@pytest.mark.slow
def test_a_screen_recording_that_is_still_at_first_has_its_later_frame_rate() -> None:
    video = forget_frame_rate(make_video(replace(WEBM, frames=len(STILL_AT_FIRST), timestamps=STILL_AT_FIRST)))
    timeline = read(video)
    assert 30 <= timeline.frame_rate < 31
    assert len(select_frames(timeline, Fraction(5))) == 299


def make_timeline(rate: Fraction, frames: int = 20) -> Timeline:
    return read(make_video(VideoSpec(rate=rate, frames=frames)))


def test_all_frames_of_a_video_below_one_frame_a_second_are_sampled() -> None:
    timeline = make_timeline(Fraction(1, 2), frames=10)
    assert timeline.frame_rate == Fraction(1, 2)
    for infer_fps in (1, 5):
        assert [frame.frame_offset for frame in select_frames(timeline, Fraction(infer_fps))] == list(range(10))


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(179, 6), Fraction(30000, 1001), Fraction(12345, 1000)])
def test_the_frame_rate_that_an_error_suggests_works(rate: Fraction) -> None:
    timeline = make_timeline(rate)
    with pytest.raises(JobFailed) as failure:
        select_frames(timeline, Fraction(121))
    _, _, advised = str(failure.value).partition("frame rate of ")
    assert select_frames(timeline, Fraction(advised.split()[0]))


@pytest.mark.parametrize("rate", [24, 30, 50, 60, 120])
@pytest.mark.parametrize("frames", [2, 3, 60])
def test_rounded_times_do_not_change_the_frame_rate(rate: int, frames: int) -> None:
    video = make_video(VideoSpec("matroska", rate=Fraction(rate), frames=frames))
    assert read(video).frame_rate == rate


def test_a_false_frame_rate_creates_no_samples() -> None:
    # Three frames in two minutes.
    times = [0, 60_000, 120_000]
    video = make_video(VideoSpec("matroska", rate=Fraction(120), frames=3, timestamps=times))
    timeline = read(video)
    assert timeline.frame_rate < 1
    assert len(select_frames(timeline, Fraction(120))) == 3


def encrypt(scheme: bytes) -> bytes:
    video = make_video(VideoSpec(container_options={"encryption_scheme": "cenc-aes-ctr", **KEY}))
    assert b"cenc" in video
    return video.replace(b"cenc", scheme)


def encrypt_webm() -> bytes:
    """Makes a WebM that declares its encryption in place of an equally long title; its frames are unchanged."""
    settings = b"\x47\xe7\x84\x47\xe8\x81\x01"
    encryption = b"\x47\xe1\x81\x05" + b"\x47\xe2\x90" + bytes(range(16)) + settings
    encoding = b"\x50\x31\x81\x00\x50\x32\x81\x01\x50\x33\x81\x01\x50\x35" + bytes([128 + len(encryption)]) + encryption
    encodings = b"\x62\x40" + bytes([128 + len(encoding)]) + encoding
    title = "t" * len(encodings)
    video = make_video(replace(WEBM, title=title))
    element = b"\x53\x6e" + bytes([128 + len(title)]) + title.encode()
    assert video.count(element) == 1
    return video.replace(element, b"\x6d\x80" + bytes([128 + len(title)]) + encodings)


FIVE_SECONDS_LATE = [index * 40 + 5000 for index in range(60)]
START_OFFSETS = {
    "MP4": (VideoSpec(), 0.0),
    "MP4 that begins later, by an edit list": (VideoSpec(timestamps=FIVE_SECONDS_LATE), 5.0),
    "MP4 whose sound begins before": (VideoSpec(timestamps=FIVE_SECONDS_LATE, audio=True), 5.0),
    "MP4 of reordered frames without an edit list": (VideoSpec(container_options={"use_editlist": "0"}), 0.0833),
    "MP4 cut by an edit list": (VideoSpec(timestamps=[index * 40 - 500 for index in range(60)]), 0.0),
    "MKV that begins later": (VideoSpec("matroska", timestamps=FIVE_SECONDS_LATE), 5.0),
    "WebM that begins later": (replace(WEBM, timestamps=FIVE_SECONDS_LATE), 5.0),
    "MPEG-TS": (VideoSpec("mpegts"), 0.0),
    "MPEG-TS of 30 frames a second": (VideoSpec("mpegts", rate=Fraction(30)), 0.0),
    "MPEG-TS whose clock begins later": (VideoSpec("mpegts", container_options={"output_ts_offset": "30000"}), 0.0),
    "MPEG-TS whose clock wraps": (VideoSpec("mpegts", container_options={"output_ts_offset": "95442.7"}), 0.0),
    "MPEG-TS whose sound begins before": (VideoSpec("mpegts", timestamps=FIVE_SECONDS_LATE, audio=True), 5.064),
}
"""The seconds that Chromium shows: requestVideoFrameCallback's mediaTime of the first frame.

Chromium does not play MPEG-TS. Players that do show the first packet at 0; an AAC encoder's first packet is 64 ms early
(1,024 samples at 16 kHz).
"""


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "seconds"), START_OFFSETS.values(), ids=START_OFFSETS)
def test_the_first_frame_is_where_a_player_shows_it(spec: VideoSpec, seconds: float) -> None:
    assert str(read(make_video(spec)).start_offset) == str(seconds)


ENCRYPTED: dict[str, Callable[[], bytes]] = {
    "cenc": partial(encrypt, b"cenc"),
    "cens": partial(encrypt, b"cens"),
    "cbc1": partial(encrypt, b"cbc1"),
    "cbcs": partial(encrypt, b"cbcs"),
    "WebM": encrypt_webm,
}


@pytest.mark.slow
@pytest.mark.parametrize("make", ENCRYPTED.values(), ids=ENCRYPTED)
def test_an_encrypted_video_fails_the_job(make: Callable[[], bytes]) -> None:
    with pytest.raises(JobFailed, match="is encrypted"):
        read(make())


def test_a_beginning_that_the_decoder_refuses_fails_the_job() -> None:
    codec = av.CodecContext.create("rawvideo", "r")  # without a size
    assert isinstance(codec, VideoCodecContext)
    with pytest.raises(JobFailed, match="can't be decoded"):
        LeadIn().drop_hidden([0], codec, by_presentation=True)
