"""Clock restarts: MPEG-TS files that are joined byte by byte have a clock for each part, so times occur twice."""

from collections import deque
from collections.abc import Iterator, Sequence

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.errors import JobFailed
from videoengine.video_formats import begins_at_zero

RESTART_SECONDS = 1
"""Decoding times that go back by more are a restart. They never go back within a part."""

TIMES = 4
"""How many times in a row are compared."""


def watch_clock(packets: Iterator["Packet[VideoStream]"], container: InputContainer) -> Iterator["Packet[VideoStream]"]:
    """Passes on the packets of a container's stream, in the file's order.

    A single wrong time is damage, not a restart. So at a restart, two packets are behind both packets before them.

    Raises:
        JobFailed: the clock has restarted.
    """
    if begins_at_zero(container.format.name):
        yield from packets
        return
    start: int | None = None
    times = deque[int](maxlen=TIMES)
    for packet in packets:
        if packet.dts is not None:
            start = packet.dts if start is None else start
            times.append(packet.dts)
            back = _measure_step_back(times) * packet.time_base
            if back > RESTART_SECONDS:
                raise JobFailed(_explain(float((times[1] - start) * packet.time_base), float(back)))
        yield packet


def _measure_step_back(times: Sequence[int]) -> int:
    """By how many ticks the last two of four times are behind the two before."""
    if len(times) < TIMES:
        return 0
    first, second, third, fourth = times
    return min(first, second) - max(third, fourth)


def _explain(after_seconds: float, back_seconds: float) -> str:
    return (
        f"The clock of the video goes back by {back_seconds:.4g} s after {after_seconds:.4g} s, because parts with a "
        "clock each were joined. Give the file, here VIDEO, one clock: ffmpeg -i VIDEO -c:v copy VIDEO.mp4"
    )
