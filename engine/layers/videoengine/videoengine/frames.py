"""Decodes the frames that a segment wants, and as little else as possible."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.segments import SampledFrame
from videoengine.timeline import find_video_stream, has_presentation_times


def read_frames(container: InputContainer, frames: Iterable[SampledFrame]) -> Iterator[tuple[int, VideoFrame]]:
    """Each wanted frame once, as (timestamp in ticks, picture), in presentation order.

    A frame whose data is damaged does not come.
    """
    stream = find_video_stream(container)
    stream.thread_type = "AUTO"
    for keyframe, group in itertools.groupby(frames, key=lambda frame: frame.keyframe):
        yield from _read_group(container, stream, keyframe, {frame.timestamp for frame in group})


def _read_group(
    container: InputContainer, stream: VideoStream, keyframe: int, wanted: set[int]
) -> Iterator[tuple[int, VideoFrame]]:
    container.seek(keyframe, stream=stream, backward=True)
    last = max(wanted)
    for timestamp, frame in _decode(container, stream):
        if timestamp in wanted:
            yield timestamp, frame
        if timestamp >= last:
            return


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
    # Without presentation times, frames come out in their order: each takes the next of the packets' times.
    waiting: deque[int] | None = None if has_presentation_times(container) else deque()
    for packet in container.demux(stream):
        if waiting is not None and packet.dts is not None:
            waiting.append(packet.dts)
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            # One damaged picture; the next may be whole.
            if waiting:
                waiting.pop()
            continue
        for frame in frames:
            timestamp = waiting.popleft() if waiting else frame.pts
            if timestamp is not None:
                yield timestamp, frame
