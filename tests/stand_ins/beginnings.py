"""Videos that begin in different ways, so that the time of their first frame is hard to tell."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import av

from tests.stand_ins.videos import VideoSpec, copy_packets, make_video

LARGE = VideoSpec(width=160, height=120)
OPEN_GOP = replace(
    LARGE, format="matroska", options={"x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=12:scenecut=0"}
)
MPEG2 = replace(LARGE, format="matroska", codec="mpeg2video", options={"bf": "2", "b_strategy": "0"})
LATE = [2000 + 40 * number for number in range(60)]
BEGINNINGS: Mapping[str, Callable[[], bytes]] = {
    "MP4": partial(make_video, LARGE),
    "MP4 without an edit list": partial(make_video, replace(LARGE, container_options={"use_editlist": "0"})),
    "MP4 whose sound begins before": partial(make_video, replace(LARGE, timestamps=LATE, audio=True)),
    "MOV that begins later": partial(make_video, replace(LARGE, format="mov", timestamps=LATE)),
    "MKV that begins later": partial(make_video, replace(LARGE, format="matroska", timestamps=LATE)),
    "WebM": partial(make_video, replace(LARGE, format="webm", codec="libvpx", options={"deadline": "realtime"})),
    "AVI": partial(make_video, replace(LARGE, format="avi", codec="mpeg4")),
    "AVI of reordered frames": partial(make_video, replace(LARGE, format="avi", options={"bf": "2"})),
    "H.264 cut at its beginning": lambda: cut(make_video(OPEN_GOP)),
    "H.264 cut at its beginning, in AVI": lambda: cut(make_video(OPEN_GOP), "avi", "h264_mp4toannexb"),
    "MPEG-2 cut at its beginning": lambda: cut(make_video(MPEG2)),
    "first frame damaged": lambda: damage(make_video(replace(LARGE, keyframe_every=1, options={"bf": "0"}))),
}


def cut(video: bytes, container_format: str = "matroska", bitstream_filter: str | None = None) -> bytes:
    """Copies a video from its second keyframe on."""
    with av.open(io.BytesIO(video), "r") as container:
        _, second, *_ = (number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe)
    return copy_packets(video, container_format, first=second, bitstream_filter=bitstream_filter)


def damage(video: bytes) -> bytes:
    with av.open(io.BytesIO(video), "r") as container:
        first = bytes(next(container.demux(video=0)))
    return video.replace(first, bytes(len(first)))
