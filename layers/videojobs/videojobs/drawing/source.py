"""Opens the video that is drawn on or whose frames are written, and finds its stream and where results begin."""

from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videojobs.drawing.frame_times import FrameTimes
from videojobs.drawing.player_times import read_packets
from videojobs.drawing.sound import decode
from videojobs.errors import VideoNotDrawable
from videojobs.video_formats import DEMUXERS


def open_source(video: Path, frame_max_pixels: int | None) -> InputContainer:
    """Opens a video. Frames with more than `frame_max_pixels` can't be decoded. Raises FFmpegError."""
    # FFmpeg tries decoders while it opens a file, and any frame may be larger than the file's header says.
    limits = {"max_pixels": str(frame_max_pixels)} if frame_max_pixels else {}
    # An absolute path, because FFmpeg treats a name like 12:30.mp4 as a URL.
    container = av.open(str(video.absolute()), options={"format_whitelist": DEMUXERS, **limits})
    for stream in container.streams.video:
        if limits and stream.codec_context:  # None if FFmpeg does not know the codec
            stream.codec_context.options = limits
    return container


def find_video_stream(source: InputContainer) -> VideoStream:
    """Returns the stream that the engine infers: the first that is no cover or, if others exist, a single picture.

    Raises VideoNotDrawable.
    """
    streams = [stream for stream in source.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise VideoNotDrawable("The file has no video stream, or is cut off.")
    stream = next((stream for stream in streams if not _is_one_picture(stream)), streams[0])
    if not stream.codec_context:
        raise VideoNotDrawable("The video has a codec that this version of FFmpeg does not know.")
    return stream


def _is_one_picture(stream: VideoStream) -> bool:
    """Returns whether a stream is a single picture, such as a thumbnail. Matroska has the number of frames in a tag."""
    return stream.frames == 1 or stream.metadata.get("NUMBER_OF_FRAMES") == "1"


def read_beginning(
    video: Path, frame_max_pixels: int | None, start_offset: float | None
) -> tuple[VideoFrame, FrameTimes]:
    """Returns the first frame that can be decoded, whose shape the others will get, and the frames' times.

    MP4's header describes its streams, so the shape must be known before any audio is written.

    Raises VideoNotDrawable, or an FFmpegError.
    """
    with open_source(video, frame_max_pixels) as source:
        stream = find_video_stream(source)
        times = FrameTimes.read(source, stream, start_offset)
    with open_source(video, frame_max_pixels) as source:
        stream = find_video_stream(source)
        # If the codec's parameters are damaged, opening the decoder reports that; decoding does not.
        stream.codec_context.open()
        for packet in read_packets(source, stream):
            for frame in decode(stream, packet):
                if start_offset is None:
                    times.count_from(cast(VideoFrame, frame))
                return cast(VideoFrame, frame), times
    limit = f", or all have more than {frame_max_pixels:,} pixels, which is the maximum" if frame_max_pixels else ""
    raise VideoNotDrawable(f"No frame of the video can be decoded{limit}.")
