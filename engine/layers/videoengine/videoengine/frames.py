"""Decodes the frames that a segment wants, and as little else as possible."""

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.segments import SampledFrame
from videoengine.timeline import find_video_stream, has_presentation_times

MAX_HELD = 16
"""Frames that wait for an earlier one: no codec reorders more."""


def read_frames(container: InputContainer, frames: Sequence[SampledFrame]) -> Iterator[tuple[int, VideoFrame]]:
    """Each wanted frame once, as (timestamp in ticks, picture), in presentation order.

    A frame whose data is damaged does not come.
    """
    stream = find_video_stream(container)
    stream.thread_type = "AUTO"
    # FFmpeg's own choice is one more than there are cores, which costs time.
    stream.codec_context.thread_count = os.process_cpu_count() or 1
    container.seek(frames[0].keyframe, stream=stream, backward=True)
    timestamps = sorted({frame.timestamp for frame in frames})
    decode = _decode_wanted if has_presentation_times(container) else _decode_all
    yield from _put_in_order(decode(container, stream, frames), timestamps)


def _decode_wanted(
    container: InputContainer, stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    wanted = {frame.timestamp for frame in frames}
    for packet in _select_packets(container, stream, frames):
        # What no frame refers to and nobody wants need not be decoded; which that is, the decoder knows.
        stream.codec_context.skip_frame = "NONREF" if packet and packet.pts not in wanted else "DEFAULT"
        for picture in _decode(stream, packet) or ():
            if picture.pts in wanted:
                yield picture.pts, picture


def _select_packets(
    container: InputContainer, stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator["Packet[VideoStream] | None"]:
    """From each wanted frame's keyframe to the frame, in decoding order; then None, the end.

    So a few frames of each second are had from one group of pictures after the other without decoding the rest of each.
    """
    by_keyframe = defaultdict[int | None, set[int | None]](set)
    for frame in frames:
        by_keyframe[frame.keyframe].add(frame.timestamp)
    missing = by_keyframe.pop(frames[0].keyframe)
    for packet in container.demux(stream):
        missing |= by_keyframe.pop(packet.pts, set())
        if missing and packet.size:
            yield packet
            missing.discard(packet.pts)
        if not missing and not by_keyframe:
            break
    yield None


def _decode_all(
    container: InputContainer, stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    """Without presentation times, frames come out in their order: each takes the next of the packets' times."""
    wanted, last, times = {frame.timestamp for frame in frames}, frames[-1].timestamp, deque[int]()
    for packet in container.demux(stream):
        if packet.dts is not None:
            times.append(packet.dts)
        pictures = _decode(stream, packet if packet.size else None)
        if pictures is None:
            times.pop()
        for picture in pictures or ():
            timestamp = times.popleft()
            if timestamp in wanted:
                yield timestamp, picture
            if timestamp >= last:
                return


def _decode(stream: VideoStream, packet: "Packet[VideoStream] | None") -> list[VideoFrame] | None:
    """None where a picture is damaged: the next may be whole."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.InvalidDataError:
        return None


def _put_in_order(
    pictures: Iterable[tuple[int, VideoFrame]], timestamps: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Where a stream does not say how far it reorders, a decoder gives some of its first frames too early."""
    due, held = deque(timestamps), dict[int, VideoFrame]()
    for timestamp, picture in pictures:
        if due and timestamp >= due[0]:
            held[timestamp] = picture
        while due and (due[0] in held or len(held) > MAX_HELD):
            earliest = due.popleft()
            if earliest in held:
                yield earliest, held.pop(earliest)
    yield from sorted(held.items())
