"""The times at which a video's frames are shown, even if some of them can't be decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from av.container import InputContainer
from av.packet import Packet
from av.rational import AVRational
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videojobs.drawing.player_times import read_packets
from videojobs.video_formats import has_presentation_times

SCANNED_PACKETS = 256
"""How many packets are searched for the frame that is shown first: more than any codec stores before it."""

_ROUNDING_SECONDS = Fraction(1, 10_000)
"""Start offsets have four decimals."""


@dataclass(kw_only=True)
class FrameTimes:
    """The times of a stream's frames, in its ticks.

    AVI has only decoding times. If its frames are reordered, the nth shown frame gets the nth decoding time; otherwise
    each frame gets its packet's decoding time.

    Attributes:
        step: The time from frame to frame, by the average frame rate.
        first: The time of the frame at which the results' times begin.
        counted: The times in order, if frames have none of their own.
        takes_decoding_times: Whether a packet's decoding time is its frame's time.
        last: The time of the last frame so far.
    """

    time_base: Fraction
    step: int
    first: int = 0
    counted: Sequence[int] = ()
    takes_decoding_times: bool = False
    last: int | None = None

    @classmethod
    def read(cls, container: InputContainer, stream: VideoStream, start_offset: float | None) -> "FrameTimes":
        """Reads packets from the container's beginning, without decoding them.

        Args:
            start_offset: The time, in seconds, of the frame at which the results' times begin. In a cut recording this
                is the first frame that can be decoded. If it is None, or no frame has this time, they begin at the
                file's first frame.
        """
        time_base = _to_fraction(stream.time_base) or Fraction(1, 1000)
        step = max(1, round(1 / ((_to_fraction(stream.average_rate) or Fraction(25)) * time_base)))
        packets = (packet for packet in read_packets(container, stream) if packet.size)
        if has_presentation_times(container.format.name):
            shown = [it.pts for it in islice(packets, SCANNED_PACKETS) if it.pts is not None and not it.is_discard]
            return cls(time_base=time_base, step=step, first=_find_first(sorted(shown), time_base, start_offset))
        times = sorted(packet.dts for packet in packets if packet.dts is not None)
        is_reordered = bool(stream.codec_context.has_b_frames)
        first = _find_first(times, time_base, start_offset)
        counted = times[times.index(first) :] if is_reordered and times else ()
        return cls(time_base=time_base, step=step, first=first, counted=counted, takes_decoding_times=not is_reordered)

    def count_from(self, frame: VideoFrame) -> None:
        """Lets the results' times begin at `frame`, the first one that can be decoded."""
        if frame.pts is not None and not self.counted and not self.takes_decoding_times:
            self.first = frame.pts

    def prepare(self, packet: "Packet[VideoStream]") -> None:
        """Sets a packet's presentation time, which the decoder copies to its frame."""
        if self.takes_decoding_times:
            packet.pts = packet.dts

    def place(self, frame: VideoFrame, number: int) -> float:
        """Sets the time of frame `number`, from 0, and returns it in seconds from the first frame.

        Each time is later than the last, as MP4 requires.
        """
        if self.counted:
            frame.pts = self.counted[number] if number < len(self.counted) else None
        if frame.pts is None or (self.last is not None and frame.pts <= self.last):
            frame.pts = self.first if self.last is None else self.last + self.step
        self.last, frame.time_base = frame.pts, self.time_base
        return float((frame.pts - self.first) * self.time_base)


def _find_first(times: Sequence[int], time_base: Fraction, start_offset: float | None) -> int:
    """Returns the time at `start_offset`, or else the first of `times`, which are in order."""
    if start_offset is not None:
        for time in times[:SCANNED_PACKETS]:
            if abs(time * time_base - Fraction(start_offset)) <= _ROUNDING_SECONDS:
                return time
    return times[0] if times else 0


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction | None:
    return Fraction(rational.numerator, rational.denominator) if rational else None
