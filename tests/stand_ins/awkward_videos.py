"""Videos that are hard to sample correctly, each for its own reason."""

import io
import itertools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import cast

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.stand_ins.transport_streams import cut_beginning, make_two_programs
from tests.stand_ins.videos import VideoSpec, copy_packets, make_video, write_packets

os.environ.setdefault("SVT_LOG", "-1")  # silences AV1's encoder

_JITTER = [index * 40 + index * index * 7 % 37 for index in range(60)]
_SLIDES = [0, 40, 80, 1000, 1040, 3000, 3010, 3500, 7000, 7040]
_H264 = VideoSpec(texture=True)
_CLOSE = replace(_H264, keyframes=(7, 9, 30, 31), options={"forced-idr": "1", "bf": "3"})
_HEVC = VideoSpec(codec="libx265", options={"x265-params": "log-level=none:keyint=12"}, texture=True)
_HEVC_OPEN = replace(_HEVC, options={"x265-params": "log-level=none:keyint=12:open-gop=1:bframes=4"})
_VP8 = VideoSpec("webm", "libvpx", options={"deadline": "realtime", "cpu-used": "8", "threads": "1"}, texture=True)
_VP9 = VideoSpec("webm", "libvpx-vp9", options={"deadline": "good", "cpu-used": "8"}, texture=True)
_AV1 = VideoSpec("webm", "libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}, texture=True)
_MPEG4 = VideoSpec(codec="mpeg4", texture=True)
_HIDDEN = {"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "200k"}
_VP9_HIDDEN = replace(_VP9, keyframe_every=40, options=_HIDDEN, two_passes=True)


def _x264(spec: VideoSpec, parameters: str) -> VideoSpec:
    return replace(spec, options={"x264-params": parameters})


def _add_options(spec: VideoSpec, **options: str) -> VideoSpec:
    return replace(spec, options={**spec.options, **options})


_SCENE_CUTS = _x264(
    replace(_H264, rate=Fraction(30), cuts=range(9, 240, 9)), "keyint=1000:min-keyint=500:scenecut=80:bframes=0:ref=1"
)

_SPECS = {
    # Frames that are stored in another order than they are shown in, or that refer to other frames in unusual ways.
    "H.264 in MP4": _H264,
    "H.264 in MOV": replace(_H264, format="mov"),
    "H.264 of one keyframe": replace(_H264, keyframe_every=1000),
    "H.264 of keyframes alone": replace(_H264, keyframe_every=1),
    "H.264 with keyframes close together": _CLOSE,
    "H.264 with keyframes close together, without an edit list": replace(
        _CLOSE, container_options={"use_editlist": "0"}
    ),
    "H.264 with keyframes close together, in fragments": replace(
        _CLOSE, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "H.264 with keyframes close together, in MKV": replace(_CLOSE, format="matroska"),
    "H.264 without reordering": replace(_H264, options={"bf": "0"}),
    "H.264 with a pyramid of B-frames": _x264(_H264, "bframes=7:b-pyramid=normal:b-adapt=0:keyint=24:scenecut=0"),
    "H.264 whose pictures refer across keyframes": _x264(_H264, "open-gop=1:bframes=3:keyint=12:scenecut=0"),
    "H.264 with short groups across keyframes": _x264(_H264, "open-gop=1:bframes=2:b-adapt=0:keyint=4:scenecut=0"),
    "H.264 refreshed column by column": _x264(_H264, "intra-refresh=1:keyint=12"),
    "H.264 with keyframes at scene cuts that the decoder is not reset by": _SCENE_CUTS,
    "H.264 interlaced": _x264(_H264, "interlaced=1:keyint=12"),
    "H.264 whose pictures refer across keyframes, in MKV": _x264(
        replace(_H264, format="matroska"), "open-gop=1:bframes=3:keyint=12:scenecut=0"
    ),
    "HEVC in MP4": _HEVC,
    "HEVC whose pictures refer across keyframes": _HEVC_OPEN,
    "HEVC whose pictures refer across keyframes, in MKV": replace(_HEVC_OPEN, format="matroska"),
    "HEVC in temporal layers": replace(
        _HEVC, options={"x265-params": "log-level=none:keyint=24:temporal-layers=3:bframes=3:b-adapt=0"}
    ),
    "VP8 in WebM": _VP8,
    "VP9 in WebM": _VP9,
    "VP9 with hidden frames": _VP9_HIDDEN,
    "VP9 in MP4": replace(_VP9, format="mp4"),
    "AV1 in WebM": _AV1,
    "AV1 in MP4": replace(_AV1, format="mp4"),
    "MPEG-4 in MP4": _MPEG4,
    "MPEG-4 with B-frames": replace(_MPEG4, options={"bf": "2"}),
    "MPEG-2 with B-frames, in MKV": VideoSpec(
        "matroska", "mpeg2video", rate=Fraction(25), options={"bf": "2"}, texture=True
    ),
    "ProRes in MOV": VideoSpec("mov", "prores_ks", pixel_format="yuv422p10le", frames=24, texture=True),
    # Unusual pixel formats and picture sizes.
    "10-bit H.264": replace(_H264, pixel_format="yuv420p10le"),
    "10-bit HEVC": replace(_HEVC_OPEN, pixel_format="yuv420p10le"),
    "10-bit AV1": replace(_AV1, pixel_format="yuv420p10le"),
    "H.264 of odd size": replace(_H264, width=63, height=47, pixel_format="yuv444p"),
    "VP9 of odd size": replace(_VP9, width=63, height=47),
    "H.264 turned by 90 degrees": replace(_H264, rotation=90),
    # Unusual timestamps.
    "29.97 frames a second in MP4": replace(_H264, rate=Fraction(30000, 1001)),
    "179/6 frames a second in MKV": replace(_H264, format="matroska", rate=Fraction(179, 6)),
    "a varying frame rate in MP4": replace(_H264, timestamps=_JITTER),
    "a varying frame rate in MKV": replace(_H264, format="matroska", timestamps=_JITTER),
    "frames that stay for seconds": replace(_H264, frames=len(_SLIDES), timestamps=_SLIDES),
    "negative times, cut by an edit list": replace(_H264, timestamps=[index * 40 - 500 for index in range(60)]),
    "negative times in MKV": replace(_H264, format="matroska", timestamps=[index * 40 - 500 for index in range(60)]),
    "a start after five seconds, by an edit list": replace(
        _H264, timestamps=[index * 40 + 5000 for index in range(60)]
    ),
    "a start after five seconds in MKV": replace(
        _H264, format="matroska", timestamps=[index * 40 + 5000 for index in range(60)]
    ),
    "no edit list": replace(_H264, container_options={"use_editlist": "0"}),
    "negative composition offsets": replace(_H264, container_options={"movflags": "negative_cts_offsets"}),
    "one frame": replace(_H264, frames=1),
    "two frames": replace(_H264, frames=2),
    # No duration, or no presentation times.
    "MP4 in fragments": replace(_H264, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "a live MKV, without duration and index": replace(_H264, format="matroska", container_options={"live": "1"}),
    "H.264 in AVI": replace(_H264, format="avi"),
    "MS MPEG-4 in AVI": VideoSpec("avi", "msmpeg4", texture=True),
    "MS MPEG-4 in MKV": VideoSpec("matroska", "msmpeg4", texture=True),
    "MPEG-4 in AVI": replace(_MPEG4, format="avi"),
    "MPEG-4 with B-frames in AVI": replace(_MPEG4, format="avi", options={"bf": "2"}),
    "Motion JPEG in AVI": VideoSpec("avi", "mjpeg", pixel_format="yuvj420p", texture=True),
    "a late start in AVI": replace(_MPEG4, format="avi", timestamps=[index * 40 + 1000 for index in range(60)]),
    # Further streams.
    "sound in MP4": replace(_H264, audio=True),
    "sound in AVI": replace(_MPEG4, format="avi", audio=True),
}

_IN_TS = (
    "H.264 in MP4",
    "H.264 of one keyframe",
    "H.264 with keyframes close together",
    "H.264 with a pyramid of B-frames",
    "H.264 with short groups across keyframes",
    "H.264 refreshed column by column",
    "H.264 interlaced",
    "HEVC whose pictures refer across keyframes",
    "HEVC in temporal layers",
    "MPEG-2 with B-frames, in MKV",
    "MPEG-4 with B-frames",
    "29.97 frames a second in MP4",
    "a varying frame rate in MP4",
    "frames that stay for seconds",
    "one frame",
    "sound in MP4",
)
_BEFORE_WRAP = {"output_ts_offset": "95442.7"}
"""A clock of 33 bits at 90 kHz begins again after 95,443.7 seconds."""

_OTHER_CONTAINERS = {
    **{f"MPEG-TS: {name}": replace(_SPECS[name], format="mpegts") for name in _IN_TS},
    "MPEG-TS with times before each packet (M2TS)": replace(
        _H264, format="mpegts", container_options={"mpegts_m2ts_mode": "1"}
    ),
    "MPEG-TS whose clock wraps": replace(_H264, format="mpegts", container_options=_BEFORE_WRAP),
    "MPEG-TS whose clock begins after eight hours": replace(
        _H264, format="mpegts", container_options={"output_ts_offset": "30000"}
    ),
    "H.264 in M4V": replace(_H264, format="ipod"),
    "H.264 in 3GP": replace(_H264, format="3gp"),
    "H.264 in 3G2": replace(_H264, format="3g2"),
    "MPEG-4 in 3GP": replace(_MPEG4, format="3gp"),
    "H.263 in 3GP": VideoSpec("3gp", "h263", width=176, height=144, rate=Fraction(15)),
}

# Recordings whose beginning is cut off.
_OPEN = replace(_x264(_H264, "open-gop=1:bframes=3:b-adapt=0:keyint=12:scenecut=0"), format="matroska")
_LONG = replace(_x264(_H264, "bframes=2:b-adapt=0:keyint=30:scenecut=0"), format="matroska")
_MPEG2 = _SPECS["MPEG-2 with B-frames, in MKV"]
_MPEG4_REORDERED = replace(_MPEG4, format="matroska", options={"bf": "2"})
_CUTS: Mapping[str, tuple[VideoSpec, str, int | None]] = {
    "H.264 cut at a keyframe that others lead to": (_OPEN, "matroska", None),
    "H.264 cut at a keyframe that others lead to, in MP4": (_OPEN, "mp4", None),
    "H.264 cut at a keyframe that others lead to, in AVI": (_OPEN, "avi", None),
    "HEVC cut at a keyframe that others lead to": (replace(_HEVC_OPEN, format="matroska"), "matroska", None),
    "MPEG-2 cut at a keyframe that others lead to": (_MPEG2, "matroska", None),
    "MPEG-4 cut at a keyframe that others lead to, in AVI": (_MPEG4_REORDERED, "avi", None),
    "H.264 cut between keyframes": (_LONG, "matroska", 5),
    "H.264 cut between keyframes, in MP4": (_LONG, "mp4", 5),
    "H.264 cut between keyframes, in AVI": (_LONG, "avi", 5),
    "MPEG-4 cut between keyframes, in AVI": (_MPEG4_REORDERED, "avi", 5),
}
"""For each cut recording: the original, the container to copy it into, and the first packet to keep (None: the second
keyframe).
"""


def _cut(spec: VideoSpec, container_format: str, first: int | None) -> bytes:
    video = make_video(spec)
    if first is None:
        with av.open(io.BytesIO(video), "r") as container:
            keyframes = (number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe)
            first = next(itertools.islice(keyframes, 1, None))
    bitstream_filter = "h264_mp4toannexb" if container_format == "avi" and spec.codec == "libx264" else None
    return copy_packets(video, container_format, first=first, bitstream_filter=bitstream_filter)


def _split_hidden() -> bytes:
    """Makes a VP9 video whose hidden frames have packets of their own."""
    return copy_packets(make_video(_VP9_HIDDEN), "webm", bitstream_filter="vp9_superframe_split")


_NOT_CODED = b"\x00\x00\x01\xb6\x50\x4f"
"""An MPEG-4 picture, at 24 a second, that is not coded (ISO/IEC 14496-2, 6.2.5): P, time 0, vop_coded 0."""


def _leave_pictures_out(container_format: str) -> bytes:
    """Makes an MPEG-4 video with a not-coded picture after every seventh one, as XviD writes unchanged pictures."""
    video = make_video(replace(_MPEG4, format=container_format))
    with av.open(io.BytesIO(video), "r") as container:
        codec = container.streams.video[0].codec_context
        packets = [(bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    head = (codec.extradata or b"") if container_format != "avi" else b""
    written = list[tuple[bytes, bool]]()
    for number, (content, is_keyframe) in enumerate(packets):
        written.append((head + content if is_keyframe else content, is_keyframe))
        if number % 7 == 6:
            written.append((_NOT_CODED, False))
    return write_packets(written, container_format, "mpeg4")


def _pack_pictures() -> bytes:
    """Makes an MPEG-4 AVI with each B picture in the packet of the picture before it, as DivX and XviD write it."""
    video = make_video(replace(_MPEG4, format="matroska", options={"bf": "1"}))
    with av.open(io.BytesIO(video), "r") as container:
        stream = container.streams.video[0]
        # User data that announces packed pictures to decoders.
        head = (stream.codec_context.extradata or b"") + b"\x00\x00\x01\xb2DivX503b1393p"
        packets = [packet for packet in container.demux(stream) if packet.size]
    written, last_time = list[tuple[bytes, bool]](), -1
    for packet in packets:
        content, is_keyframe, time = bytes(packet), packet.is_keyframe, packet.pts or 0
        if time < last_time:
            before, was_keyframe = written.pop()
            written += [(before + content, was_keyframe), (_NOT_CODED, False)]
        else:
            written.append((head + content if is_keyframe else content, is_keyframe))
            last_time = time
    return write_packets(written, "avi", "mpeg4")


def _make_colors(container_format: str, codec: str) -> bytes:
    """Makes a video of 256 colors whose palette is in the container, not in the pictures."""
    file, colors = io.BytesIO(), np.arange(256, dtype=np.uint8)
    palette = np.stack([np.full(256, 255, np.uint8), 255 - colors, colors, colors * 7], axis=-1)
    with av.open(file, "w", format=container_format) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=10))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "pal8", 5
        for index in range(20):
            rows, columns = np.mgrid[:48, :64]
            numbers = (2 * rows + 3 * columns + 5 * index).astype(np.uint8)
            frame = VideoFrame.from_ndarray((numbers, palette), format="pal8")  # type: ignore[arg-type]  # takes both
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _add_cover() -> bytes:
    """Makes a video with a cover picture, which FFmpeg lists as a second video stream."""
    cover = make_video(VideoSpec("image2pipe", "png", frames=1, pixel_format="rgb24"))
    return _join([make_video(_H264), cover], covers=[1])


def _put_cover_first() -> bytes:
    """Makes the same file with the cover's description (`udta`) before the video's (`trak`)."""
    video = _add_cover()
    trak, udta = video.index(b"trak") - 4, video.index(b"udta") - 4
    end = udta + int.from_bytes(video[udta : udta + 4])
    return video[:trak] + video[udta:end] + video[trak:udta] + video[end:]


def _hide_frames() -> bytes:
    """Makes a VP8 video in which every seventh frame is decoded but not shown, as an encoder's alternate references
    are.
    """
    video = make_video(_VP8)
    with av.open(io.BytesIO(video), "r") as container:
        for packet in itertools.islice(container.demux(video=0), 3, None, 7):
            data = bytes(packet)
            if data and not packet.is_keyframe:
                # RFC 6386, section 9.1: the fifth bit is show_frame.
                video = video.replace(data, bytes([data[0] & ~16]) + data[1:])
    return video


def _add_second_video() -> bytes:
    other = replace(_MPEG4, frames=20, rate=Fraction(8))
    return _join([make_video(_H264), make_video(other)])


def _put_thumbnail_first() -> bytes:
    """Makes a video after a track of one picture that nothing marks as a thumbnail."""
    thumbnail = VideoSpec(codec="mjpeg", frames=1, rate=Fraction(1), pixel_format="yuvj420p")
    return _join([make_video(thumbnail), make_video(_H264)])


def _join(videos: Sequence[bytes], covers: Collection[int] = ()) -> bytes:
    """Puts the videos' streams side by side into an MP4."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output, ExitStack() as inputs:
        containers = [inputs.enter_context(av.open(io.BytesIO(video), "r")) for video in videos]
        streams = [output.add_stream_from_template(container.streams.video[0]) for container in containers]
        for index in covers:
            streams[index].disposition = Disposition.attached_pic
        for container, stream in zip(containers, streams, strict=True):
            for packet in container.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    return file.getvalue()


AWKWARD_VIDEOS: Mapping[str, Callable[[], bytes]] = {
    **{name: partial(make_video, spec) for name, spec in _SPECS.items()},
    **{name: partial(make_video, spec) for name, spec in _OTHER_CONTAINERS.items()},
    **{name: partial(_cut, *cut) for name, cut in _CUTS.items()},
    "VP8 with hidden frames": _hide_frames,
    "VP9 with hidden frames in packets of their own": _split_hidden,
    "MPEG-4 with pictures left out, in AVI": partial(_leave_pictures_out, "avi"),
    "MPEG-4 with pictures left out, in MKV": partial(_leave_pictures_out, "matroska"),
    "MPEG-4 with two pictures in a packet, in AVI": _pack_pictures,
    "256 colors in AVI": partial(_make_colors, "avi", "rawvideo"),
    "256 colors in MOV, some of them unchanged": partial(_make_colors, "mov", "msrle"),
    "a thumbnail before the video": _put_thumbnail_first,
    "two video streams": _add_second_video,
    "MPEG-TS that begins within a group of pictures": partial(cut_beginning, replace(_LONG, format="mpegts")),
    "MPEG-TS that begins within pictures that refer across keyframes": partial(
        cut_beginning, replace(_OPEN, format="mpegts")
    ),
    "MPEG-TS of two programs": partial(make_two_programs, _H264, replace(_MPEG4, frames=20, rate=Fraction(8))),
    "a cover after the video": _add_cover,
    "a cover before the video": _put_cover_first,
}
"""Each video's maker, by what makes the video awkward."""

_OTHER_CODECS: Mapping[str, tuple[str, str, str]] = {
    "MPEG-2 in MOV": ("mov", "mpeg2video", "yuv420p"),
    "MPEG-4": ("mp4", "mpeg4", "yuv420p"),
    "MS MPEG-4": ("avi", "msmpeg4", "yuv420p"),
    "MS MPEG-4 version 2": ("avi", "msmpeg4v2", "yuv420p"),
    "Windows Media 1": ("avi", "wmv1", "yuv420p"),
    "Windows Media 2": ("avi", "wmv2", "yuv420p"),
    "H.263+": ("avi", "h263p", "yuv420p"),
    "Sorenson H.263": ("avi", "flv", "yuv420p"),
    "Sorenson Video 1": ("mov", "svq1", "yuv410p"),
    "Motion JPEG in MOV": ("mov", "mjpeg", "yuvj420p"),
    "Snow": ("matroska", "snow", "yuv420p"),
    "ProRes": ("mov", "prores_ks", "yuv422p10le"),
    "FFV1": ("matroska", "ffv1", "yuv420p"),
    "HuffYUV": ("avi", "huffyuv", "yuv422p"),
    "raw pictures": ("avi", "rawvideo", "yuv420p"),
    "PNG": ("mov", "png", "rgb24"),
    "QuickTime Animation": ("mov", "qtrle", "rgb24"),
    "QuickTime Graphics": ("mov", "rpza", "rgb555le"),
    "Microsoft Video 1": ("avi", "msvideo1", "rgb555le"),
    "Flash Screen Video": ("avi", "flashsv", "bgr24"),
    "DOSBox capture": ("avi", "zmbv", "rgb555le"),
    "LCL ZLIB": ("avi", "zlib", "bgr24"),
}
"""Further codecs that FFmpeg can encode into these containers: container, encoder, pixel format."""

SPARSE_SECONDS = 4
SPARSE_RATES = tuple(map(Fraction, (24, 25, 30, 50, 60, 120)))
SPARSE_SPECS: Mapping[str, VideoSpec] = {
    "H.264": replace(_H264, keyframe_every=50),
    "H.264 with short groups": replace(_H264, keyframe_every=10),
    "H.264 whose pictures refer across keyframes": _x264(_H264, "open-gop=1:bframes=3:keyint=50:scenecut=0"),
    "H.264 whose pictures refer across keyframes, in MKV": _x264(
        replace(_H264, format="matroska"), "open-gop=1:bframes=3:b-pyramid=normal:keyint=20:scenecut=0"
    ),
    "H.264 with short groups across keyframes": _x264(_H264, "open-gop=1:bframes=2:b-adapt=0:keyint=8:scenecut=0"),
    "H.264 with keyframes at scene cuts": _SCENE_CUTS,
    "H.264 without delay, with keyframes at scene cuts": _add_options(_SCENE_CUTS, tune="zerolatency"),
    "H.264 Baseline with keyframes at scene cuts": _add_options(_SCENE_CUTS, profile="baseline"),
    "H.264 refreshed column by column": _x264(_H264, "intra-refresh=1:keyint=12"),
    "H.264 interlaced": _x264(_H264, "interlaced=1:open-gop=1:keyint=12"),
    "H.264 in fragments": replace(_H264, container_options={"movflags": "frag_keyframe+empty_moov"}),
    "H.264 in MPEG-TS": replace(_H264, format="mpegts", keyframe_every=50),
    "H.264 whose pictures refer across keyframes, in MPEG-TS": _x264(
        replace(_H264, format="mpegts"), "open-gop=1:bframes=3:b-pyramid=normal:keyint=20:scenecut=0"
    ),
    "H.264 in AVI": replace(_H264, format="avi"),
    "HEVC": _HEVC,
    "HEVC whose pictures refer across keyframes": _HEVC_OPEN,
    "HEVC whose pictures refer across keyframes, in MKV": replace(_HEVC_OPEN, format="matroska"),
    "HEVC in temporal layers": _SPECS["HEVC in temporal layers"],
    "VP8": _VP8,
    "VP8 in AVI": replace(_VP8, format="avi"),
    "VP9": _VP9,
    "VP9 with hidden frames": _VP9_HIDDEN,
    "AV1": _AV1,
    "AV1 refreshed without keyframes": _add_options(
        replace(_AV1, format="mp4"), **{"svtav1-params": "lp=1:irefresh-type=1:keyint=16"}
    ),
    "MPEG-4 with B-frames": replace(_MPEG4, options={"bf": "2"}),
    "MPEG-4 with B-frames in AVI": replace(_MPEG4, format="avi", options={"bf": "2"}),
    # MPEG-1's standard frame rates end below 120 a second.
    "MPEG-1": VideoSpec(codec="mpeg1video", options={"strict": "experimental"}, texture=True),
    "MPEG-2 with B-frames": VideoSpec("matroska", "mpeg2video", options={"bf": "2"}, texture=True),
    "Motion JPEG": VideoSpec("avi", "mjpeg", pixel_format="yuvj420p", texture=True),
    **{
        name: VideoSpec(container_format, codec, pixel_format=pixel_format, texture=True)
        for name, (container_format, codec, pixel_format) in _OTHER_CODECS.items()
    },
    # Its encoder takes nine times as long for pictures of the usual size.
    "Cinepak": VideoSpec("avi", "cinepak", pixel_format="rgb24", width=32, height=24, texture=True),
}
"""Videos of every codec: sampling a few frames a second passes over most of their frames."""


def make_sparse_video(name: str, rate: Fraction) -> bytes:
    """Makes one of `SPARSE_SPECS`, `SPARSE_SECONDS` long, at `rate` frames a second."""
    return make_video(replace(SPARSE_SPECS[name], rate=rate, frames=int(SPARSE_SECONDS * rate)))
