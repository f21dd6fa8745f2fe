"""Decodes the frames of a segment, and as few others as possible."""

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
    """Decodes frames, each once, in presentation order. Damaged frames are left out.

    Args:
        container: just opened.
        frames: the wanted frames in presentation order; not empty.

    Returns:
        (timestamp in ticks, picture) of each frame.

    Raises:
        JobFailed: the decoder can't be opened, because the file's description of the video is damaged.
    """
    stream = find_video_stream(container)
    stream.thread_type = "AUTO"
    # By default FFmpeg uses one thread more than there are cores, which is slower.
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
        # Let the decoder skip unwanted frames that no other frame refers to.
        stream.codec_context.skip_frame = "NONREF" if packet and packet.pts not in wanted else "DEFAULT"
        for picture in _decode(stream, packet) or ():
            if picture.pts in awaited:
                awaited.remove(picture.pts)
                yield picture.pts, picture
        if not packet:
            # Reset the decoder as after a seek, so that it doesn't expect the packets that were skipped.
            stream.codec_context.flush_buffers()
        if not awaited:
            break


def _select_packets(
    packets: Iterator["Packet[VideoStream]"], stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator["Packet[VideoStream] | None"]:
    """The packets from the keyframe of each wanted frame to the frame, in decoding order. Other packets are skipped.

    None means flush: the decoder returns the frames that it holds back, and is reset. It comes at the end, and after
    skipped packets if the next keyframe doesn't reset the decoder: H.264 and HEVC count pictures across keyframes that
    are not IDR pictures.

    Before the final flush come some packets after the last wanted frame, because a flush returns none of the frames
    that are held back if one of them is damaged.
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
            # A hidden frame may have the timestamp of the next shown one.
            if shows_picture(packet, stream.codec_context):
                missing.discard(packet.pts)
        if not missing and not by_keyframe:
            break
    yield from itertools.islice(packets, MAX_HELD + THREADS)
    yield None


def _decode_all(
    packets: Iterator["Packet[VideoStream]"], stream: VideoStream, frames: Sequence[SampledFrame]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decodes all frames of a file without presentation times. Each frame takes the next decoding time of the packets.

    If frames are reordered, a cut recording begins with a keyframe and pictures that refer to frames before the cut and
    can't be decoded. Then packets before the keyframe's time are not counted.
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
    """Decodes a packet; None if it is damaged, for which each decoder has its own errors. The next may be whole."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:
        return None


def _put_in_order(
    pictures: Iterable[tuple[int, VideoFrame]], timestamps: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Sorts pictures: if a stream doesn't declare how far it reorders, its decoder returns some first frames too early.

    Args:
        timestamps: of the wanted frames, ascending.
    """
    due, held = deque(timestamps), dict[int, VideoFrame]()
    for timestamp, picture in pictures:
        if due and timestamp >= due[0]:
            held[timestamp] = picture
        while due and (due[0] in held or len(held) > MAX_HELD):
            earliest = due.popleft()
            if earliest in held:
                yield earliest, held.pop(earliest)
    yield from sorted(held.items())
