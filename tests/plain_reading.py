"""A simple reading of a video, independent of the engine's: it decodes everything in order and applies the sampling
rule.
"""

import hashlib
import io
import math
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.rational import AVRational
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream


@dataclass(frozen=True)
class ShownFrame:
    """A frame that a player shows.

    Attributes:
        time: Seconds after the first frame.
        digest: A hash of its pixels.
    """

    time: Fraction
    digest: str


def read_plainly(video: bytes) -> list[ShownFrame]:
    """Reads every frame of the first video stream that is neither a cover nor a thumbnail, in presentation order."""
    with av.open(io.BytesIO(video), "r") as container:
        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        stream = next(iter(sorted(streams, key=lambda stream: stream.frames == 1)))
        frames = [frame for frame in decode_all(container, stream) if frame.pts is not None]
        if container.format.name == "avi":
            unit = 1 / _to_fraction(stream.average_rate)
            slots = _find_avi_slots(video)
            # Frames before a cut recording's first keyframe come first, and can't be decoded.
            times = slots[len(slots) - len(frames) :]
            if not stream.codec_context.has_b_frames:
                times = [frame.pts or 0 for frame in frames]
        else:
            unit = _to_fraction(stream.time_base)
            times = [frame.pts or 0 for frame in frames]
    first = min(times, default=0)
    shown = [ShownFrame((time - first) * unit, digest(frame)) for time, frame in zip(times, frames, strict=True)]
    return sorted(shown, key=lambda frame: frame.time)


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction:
    assert rational
    return Fraction(rational.numerator, rational.denominator)


def _find_avi_slots(video: bytes) -> list[int]:
    """Finds the slots of an AVI's frames.

    AVI has a constant rate and no times; in the slot of an empty chunk, the last picture stays.
    """
    place, end = video.index(b"movi") + 4, video.index(b"idx1") if b"idx1" in video else len(video)
    slots, slot = [], 0
    while place + 8 <= end:
        size = int.from_bytes(video[place + 4 : place + 8], "little")
        if video[place + 2 : place + 4] in {b"dc", b"db"}:
            slots += [slot] if size else []
            slot += 1
        place += 8 + size + size % 2
    return slots


def decode_all(container: InputContainer, stream: VideoStream) -> list[VideoFrame]:
    """Decodes every frame that can be decoded, and skips damaged or cut-off ones."""
    frames = list[VideoFrame]()
    for packet in container.demux(stream):
        if not packet.is_corrupt:
            with suppress(av.error.FFmpegError):
                frames += packet.decode()
    return frames


def sample_plainly(frames: list[ShownFrame], infer_fps: Fraction) -> list[int]:
    """Applies the documented sampling rule: for each sample's time the nearest frame, the earlier one on a tie.

    Sampling ends at the last frame, with an allowance of 1 ms for containers that round times to milliseconds. If there
    are more samples than frames, each frame is sampled once.

    Returns:
        The indices of the sampled frames.
    """
    # In units of which all times are whole numbers: fractions take thirty times as long.
    units = math.lcm(1000, infer_fps.numerator, *(frame.time.denominator for frame in frames))
    times = [int(frame.time * units) for frame in frames]
    indices = []
    for sample_time in range(0, times[-1] + units // 1000 + 1, int(units / infer_fps)):
        distances = [abs(time - sample_time) for time in times]
        indices.append(distances.index(min(distances)))
    return indices if len(indices) <= len(frames) else sorted(set(indices))


def digest(frame: VideoFrame) -> str:
    """Hashes a frame's pixels, whatever their format and the padding in memory."""
    hashed = hashlib.sha256()
    if frame.format.has_palette:
        frame = frame.reformat(format="gbrp")
    if len(frame.planes) == 1:
        pixel_bytes = [frame.format.padded_bits_per_pixel // 8]
    else:
        pixel_bytes = [(component.bits + 7) // 8 for component in frame.format.components]
    for plane, size in zip(frame.planes, pixel_bytes, strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        hashed.update(rows[:, : plane.width * size].tobytes())
    return hashed.hexdigest()
