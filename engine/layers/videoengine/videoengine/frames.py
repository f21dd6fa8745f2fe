"""Decodes the frames that a segment wants, and as little else as possible."""

import itertools
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.demuxing import read_packets_from
from videoengine.lead_in import MAX_HELD
from videoengine.packets import resets_decoder, shows_picture
from videoengine.segments import SampledFrame
from videoengine.timeline import find_video_stream
from videoengine.video_file import open_decoder
from videoengine.video_formats import has_presentation_times

THREADS = os.process_cpu_count() or 1


def read_frames(container: InputContainer, frames: Sequence[SampledFrame]) -> Iterator[tuple[int, VideoFrame]]:
    """Each wanted frame once, as (timestamp in ticks, picture), in presentation order.

    A frame whose data is damaged does not come.

    Args:
        container: opened just now.

    Raises:
        JobFailed: what the file says about the video is damaged.
    """
    stream = find_video_stream(container)
    stream.thread_type = "AUTO"
    # FFmpeg's own choice is one more than there are cores, which costs time.
    stream.codec_context.thread_count = THREADS
    open_decoder(stream.codec_context)
    timestamps = sorted({frame.timestamp for frame in frames})
    decode = _decode_wanted if has_presentation_times(container.format.name) else _decode_all
    packets = read_packets_from(container, stream, frames[0].keyframe)
    yield from _put_in_order(decode(packets, stream, frames), timestamps)


def _decode_wanted(
    packets: Iterator["Packet[VideoStream]"], stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    wanted = {frame.timestamp for frame in frames}
    awaited = set(wanted)
    for packet in _select_packets(packets, stream, frames):
        # What no frame refers to and nobody wants need not be decoded; which that is, the decoder knows.
        stream.codec_context.skip_frame = "NONREF" if packet and packet.pts not in wanted else "DEFAULT"
        for picture in _decode(stream, packet) or ():
            if picture.pts in awaited:
                awaited.remove(picture.pts)
                yield picture.pts, picture
        if not packet:
            # What comes now is as after a seek: the decoder expects nothing of it.
            stream.codec_context.flush_buffers()
        if not awaited:
            break


def _select_packets(
    packets: Iterator["Packet[VideoStream]"], stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator["Packet[VideoStream] | None"]:
    """The packets from each wanted frame's keyframe to the frame, in decoding order; the others are passed over.

    None stands for an end: the decoder gives the frames that it holds back, and begins anew. That is so at the end,
    and after packets that were passed over where the next ones are no start for a decoder that still knows the ones
    before: H.264 and HEVC count their pictures across keyframes that are not IDR pictures.

    At the end, further packets come first: an end gives none of the frames held back where one of them is damaged.
    """
    by_keyframe = defaultdict[int | None, set[int | None]](set)
    for frame in frames:
        by_keyframe[frame.keyframe].add(frame.timestamp)
    missing, skipped = by_keyframe.pop(frames[0].keyframe), False
    for packet in packets:
        missing |= by_keyframe.pop(packet.pts, set())
        if missing and skipped and not resets_decoder(packet, stream.codec_context):
            yield None
        skipped = not missing
        if missing:
            yield packet
            # A hidden frame may have the time of the next one.
            if shows_picture(packet, stream.codec_context):
                missing.discard(packet.pts)
        if not missing and not by_keyframe:
            break
    yield from itertools.islice(packets, MAX_HELD + THREADS)
    yield None


def _decode_all(
    packets: Iterator["Packet[VideoStream]"], stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    """Without presentation times, frames come out in their order: each takes the next of the packets' times.

    A cut recording of reordered frames begins with a keyframe and pictures that lead to it and do not come: the
    keyframe's time is then later than those of the first packets, which nothing takes.
    """
    wanted, last, times = {frame.timestamp for frame in frames}, frames[-1].timestamp, deque[int]()
    earliest = frames[0].keyframe if stream.codec_context.has_b_frames else None
    for packet in itertools.chain(packets, [None]):
        time = packet.dts if packet else None
        is_timed = time is not None and (earliest is None or time >= earliest)
        if packet and time is not None and is_timed and shows_picture(packet, stream.codec_context):
            times.append(time)
        pictures = _decode(stream, packet)
        if pictures is None and is_timed and times:
            times.pop()
        for picture in pictures or ():
            if not times:
                return
            timestamp = times.popleft()
            if timestamp in wanted:
                yield timestamp, picture
            if timestamp >= last:
                return


def _decode(stream: VideoStream, packet: "Packet[VideoStream] | None") -> list[VideoFrame] | None:
    """None where a picture is damaged, for which each decoder has errors of its own: the next may be whole."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:
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
