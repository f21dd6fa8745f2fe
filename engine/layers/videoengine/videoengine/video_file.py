"""Opens a video, wherever its bytes are."""

from io import RawIOBase
from typing import IO

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from videoengine.errors import JobFailed
from videoengine.video_formats import DEMUXERS, name_formats


def open_video(file: str | IO[bytes] | RawIOBase, max_pixels: int | None = None) -> InputContainer:
    """A container to read packets and frames from.

    Args:
        file: a path, or a seekable binary file.
        max_pixels: a larger frame counts as damaged, since one may be of another size than the file says.

    Raises:
        JobFailed: this is not a video that the engine reads.
    """
    try:
        # FFmpeg hands what the format does not know to the decoders, of which it tries some while it opens the file.
        limits = {"max_pixels": str(max_pixels)} if max_pixels else {}
        container = av.open(file, mode="r", options={"format_whitelist": DEMUXERS, **limits})
    except av.error.FFmpegError as error:
        raise JobFailed(f"The file is not an {name_formats()} video, or is cut off ({error.strerror})") from error
    if max_pixels:
        for stream in container.streams.video:
            if stream.codec_context:  # none where the codec is unknown
                stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return container


def open_decoder(codec: VideoCodecContext) -> None:
    """Makes it ready, before a first packet would: some decoders (AV1's) ask only then what to skip.

    Raises:
        JobFailed: what the file says about the video is damaged.
    """
    try:
        codec.open()
    except av.error.FFmpegError as error:
        raise JobFailed(f"The video can't be decoded ({error.strerror})") from error
