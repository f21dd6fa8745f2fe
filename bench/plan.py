"""Measures what planning a long video reads, in each container, with and without skipping the media.

    .venv/bin/python -m bench.plan [--minutes 60] [--container MP4 …]

The video repeats a few seconds of 1920 x 1080 at 30 frames a second. S3 is a file behind a delay and a bandwidth, which
are about those of a Lambda function. CPU seconds are without those of requests to S3.
"""

import argparse
import io
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from bench.moving_pictures import write_video
from videoengine.cut_off import check_cut
from videoengine.media_skipping import MediaSkipper
from videoengine.s3_file import S3Object
from videoengine.timeline import Timeline, read_timeline
from videoengine.video_file import open_video

WIDTH, HEIGHT, RATE, GOP_SIZE = 1920, 1080, 30, 250
LATENCY_SECONDS, BYTES_PER_SECOND = 0.025, 80e6
MAX_FAILED_SHARE = 0.5


@dataclass(frozen=True)
class Container:
    """How to write a video.

    Attributes:
        format: FFmpeg's name of the container.
        options: of its muxer.
        codec: FFmpeg's encoder; empty copies the H.264 of the clip.
    """

    format: str
    options: Mapping[str, str] = field(default_factory=dict)
    codec: str = ""
    codec_options: Mapping[str, str] = field(default_factory=dict)


CONTAINERS = {
    "MP4, index last": Container("mp4"),
    "MP4, index first": Container("mp4", {"movflags": "faststart"}),
    "MP4 in fragments": Container("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "MP4 in fragments, no list": Container(
        "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof+skip_trailer"}
    ),
    "MP4 in fragments, indexed": Container("mp4", {"movflags": "dash+global_sidx+frag_keyframe"}),
    "MKV": Container("matroska"),
    "WebM": Container("webm", codec="libvpx-vp9", codec_options={"deadline": "realtime", "cpu-used": "8", "b": "3M"}),
    "AVI": Container("avi", codec="mpeg4", codec_options={"b": "6M"}),
}


class FileBehindS3:
    """The S3 operation that planning uses, on a file. Counts requests and bytes.

    Range requests follow https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """

    def __init__(self, path: Path) -> None:
        self.requests = self.bytes = 0
        self._file = os.open(path, os.O_RDONLY)
        self._size = path.stat().st_size
        self._connection = threading.Lock()

    def get_object(self, *, Range: str, **_: str) -> dict[str, Any]:  # noqa: N803
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        content = os.pread(self._file, last + 1 - first, first)
        time.sleep(LATENCY_SECONDS)
        with self._connection:
            self.requests, self.bytes = self.requests + 1, self.bytes + len(content)
            time.sleep(len(content) / BYTES_PER_SECOND)
        return {"ETag": "1", "ContentRange": f"bytes {first}-{last}/{self._size}", "Body": io.BytesIO(content)}


@dataclass(frozen=True)
class Cost:
    """What planning a video took."""

    requests: int
    bytes: int
    cpu_seconds: float
    seconds: float


def plan(path: Path, *, skips: bool) -> tuple[Timeline, Cost]:
    """Plans a video from its file, as `plan_job` does."""
    s3: Any = FileBehindS3(path)
    started, cpu = time.monotonic(), _measure_cpu()
    with (
        S3Object(s3, "bucket", "key") as file,
        MediaSkipper(file) as skipper,
        open_video(skipper if skips else file) as container,
    ):
        timeline = read_timeline(container, skipper if skips else None)
        check_cut(container, file, timeline, MAX_FAILED_SHARE)
    return timeline, Cost(s3.requests, s3.bytes, _measure_cpu() - cpu, time.monotonic() - started)


def _measure_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def write_long_video(clip: Path, target: Path, container: Container, minutes: float) -> None:
    """Writes a clip's packets again and again, one after the other."""
    with av.open(target, "w", format=container.format, options=dict(container.options)) as written:
        with av.open(clip) as source:
            stream = written.add_stream_from_template(source.streams.video[0])
        for turn in range(round(minutes * 60 * RATE / GOP_SIZE)):
            with av.open(clip) as source:
                for packet in source.demux(video=0):
                    if packet.pts is not None and packet.dts is not None:
                        shift = round(turn * Fraction(GOP_SIZE, RATE) / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        written.mux(packet)


def encode_clip(clip: Path, target: Path, container: Container) -> None:
    """Encodes a clip again, with the codec of another container."""
    with av.open(clip) as source, av.open(target, "w", format=container.format) as written:
        stream = cast(VideoStream, written.add_stream(container.codec, RATE, options=dict(container.codec_options)))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", GOP_SIZE
        for frame in source.decode(video=0):
            frame.pict_type = PictureType.NONE
            written.mux(stream.encode(frame))
        written.mux(stream.encode())


def main() -> None:
    """Prints two rows for each container, for reading the whole file and for skipping the media."""
    parser = argparse.ArgumentParser(description="Measures what planning a long video reads.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--container", nargs="*", choices=CONTAINERS, default=list(CONTAINERS))
    parser.add_argument("--folder", type=Path, help="keeps the videos there")
    arguments = parser.parse_args()
    print("container                  |   size | media | requests |     read |  share | CPU s |     s")  # noqa: T201
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        clip = folder / "clip.mp4"
        if not clip.exists():
            write_video(clip, WIDTH, HEIGHT, RATE, GOP_SIZE, Fraction(GOP_SIZE, RATE))
        for label in arguments.container:
            container = CONTAINERS[label]
            video = folder / f"video.{container.format}"
            source = clip
            if container.codec:
                source = folder / f"clip.{container.format}"
                encode_clip(clip, source, container)
            write_long_video(source, video, container, arguments.minutes)
            before, after = (_measure(label, video, skips=skips) for skips in (False, True))
            video.unlink()
            if before != after:
                sys.exit("The timelines differ")


def _measure(label: str, video: Path, *, skips: bool) -> Timeline:
    timeline, cost = plan(video, skips=skips)
    size = video.stat().st_size
    media = "skip" if skips else "read"
    print(  # noqa: T201
        f"{label:26} | {size / 1e6:6.0f} | {media:5} | {cost.requests:8} | {cost.bytes / 1e6:8.1f} | "
        f"{cost.bytes / size:6.1%} | {cost.cpu_seconds:5.1f} | {cost.seconds:5.1f}",
        flush=True,
    )
    return timeline


if __name__ == "__main__":
    main()
