"""When a video's frames are shown, whichever of them can be decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from av.container import InputContainer
from av.packet import Packet
from av.rational import AVRational
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videojobs.video_formats import has_presentation_times

SCANNED_PACKETS = 256
"""Among which the frame that is shown first is: more than any codec puts before it."""

_ROUNDING_SECONDS = Fraction(1, 10_000)
"""Start offsets have four decimals."""


@dataclass(kw_only=True)
class FrameTimes:
    """The times of a stream's frames, in its ticks.

    AVI has decoding times alone. Where its frames are reordered, the nth that is shown has the nth of these; where they
    are not, each has its own.

    Attributes:
        first: When the frame is shown that the results count from.
        counted: The times in order, of frames that have none of their own.
        takes_decoding_times: Whether a packet's decoding time is when its frame is shown.
    """

    time_base: Fraction
    step: int
    first: int = 0
    counted: Sequence[int] = ()
    takes_decoding_times: bool = False
    last: int | None = None

    @classmethod
    def read(cls, container: InputContainer, stream: VideoStream, start_offset: float | None) -> "FrameTimes":
        """Reads packets from the container's beginning, and decodes none.

        Args:
            start_offset: When the frame is shown that the results count from, seconds: at the beginning of a cut
                recording it is the first that can be decoded. Where no frame is shown then, or it is None, they count
                from the first one of the file.
        """
        time_base = _to_fraction(stream.time_base) or Fraction(1, 1000)
        step = max(1, round(1 / ((_to_fraction(stream.average_rate) or Fraction(25)) * time_base)))
        packets = (packet for packet in container.demux(stream) if packet.size)
        if has_presentation_times(container.format.name):
            shown = [it.pts for it in islice(packets, SCANNED_PACKETS) if it.pts is not None and not it.is_discard]
            return cls(time_base=time_base, step=step, first=_find_first(sorted(shown), time_base, start_offset))
        times = sorted(packet.dts for packet in packets if packet.dts is not None)
        is_reordered = bool(stream.codec_context.has_b_frames)
        first = _find_first(times, time_base, start_offset)
        counted = times[times.index(first) :] if is_reordered and times else ()
        return cls(time_base=time_base, step=step, first=first, counted=counted, takes_decoding_times=not is_reordered)

    def count_from(self, frame: VideoFrame) -> None:
        """Takes the first frame that can be decoded for the one that the results count from."""
        if frame.pts is not None and not self.counted and not self.takes_decoding_times:
            self.first = frame.pts

    def prepare(self, packet: "Packet[VideoStream]") -> None:
        """Gives a packet the time that its frame is to have."""
        if self.takes_decoding_times:
            packet.pts = packet.dts

    def place(self, frame: VideoFrame, number: int) -> float:
        """Gives the frame of a number, from 0, its time, and returns it in seconds from the first.

        Times only grow, as MP4 wants it.
        """
        if self.counted:
            frame.pts = self.counted[number] if number < len(self.counted) else None
        if frame.pts is None or (self.last is not None and frame.pts <= self.last):
            frame.pts = self.first if self.last is None else self.last + self.step
        self.last, frame.time_base = frame.pts, self.time_base
        return float((frame.pts - self.first) * self.time_base)


def _find_first(times: Sequence[int], time_base: Fraction, start_offset: float | None) -> int:
    """The time that is at `start_offset`, or else the first of `times`, which are in order."""
    if start_offset is not None:
        for time in times[:SCANNED_PACKETS]:
            if abs(time * time_base - Fraction(start_offset)) <= _ROUNDING_SECONDS:
                return time
    return times[0] if times else 0


def _to_fraction(rational: AVRational | Fraction | None) -> Fraction | None:
    return Fraction(rational.numerator, rational.denominator) if rational else None
