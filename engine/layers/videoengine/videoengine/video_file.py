"""Opens videos for demuxing and decoding."""

from io import RawIOBase
from pathlib import Path
from typing import IO

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from videoengine.errors import JobFailed
from videoengine.video_formats import DEMUXERS, name_formats


def open_video(file: str | Path | IO[bytes] | RawIOBase, max_pixels: int | None = None) -> InputContainer:
    """Opens a container to read packets and frames from.

    Args:
        file: a path, or a seekable binary file.
        max_pixels: larger frames count as damaged. A frame may be larger than the file's header says.

    Raises:
        JobFailed: the file is not a video that the engine can read.

    Example:
        with open_video("belt.mp4") as container:
            timeline = read_timeline(container)
    """
    # An absolute path, because FFmpeg takes a name such as `line:3.mp4` for an address.
    source = str(Path(file).absolute()) if isinstance(file, str | Path) else file
    try:
        # FFmpeg passes options that the demuxer doesn't know on to decoders, some of which it tries while opening.
        limits = {"max_pixels": str(max_pixels)} if max_pixels else {}
        container = av.open(source, mode="r", options={"format_whitelist": DEMUXERS, **limits})
    except av.error.FFmpegError as error:
        raise JobFailed(f"The file is not an {name_formats()} video, or is cut off ({error.strerror})") from error
    if max_pixels:
        for stream in container.streams.video:
            if stream.codec_context:  # None if the codec is unknown
                stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return container


def open_decoder(codec: VideoCodecContext) -> None:
    """Opens a decoder before its first packet, because some (such as AV1's) read `skip_frame` only when opened.

    Raises:
        JobFailed: the file's description of the video is damaged.
    """
    try:
        codec.open()
    except av.error.FFmpegError as error:
        raise JobFailed(f"The video can't be decoded ({error.strerror})") from error
