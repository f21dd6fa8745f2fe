"""The beginning of a cut recording: pictures that refer to frames before the cut, which no decoder can return."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoengine.video_file import open_decoder

MAX_HELD = 16
"""Maximum number of pictures that a decoder holds back for an earlier one. No codec reorders more."""

MAX_PACKETS = 1000
MAX_BYTES = 64 * 2**20
"""Maximum size of the beginning that is kept while there is no keyframe."""


@dataclass
class LeadIn:
    """The packets of a video up to its first keyframe, and the next ones, some of which may be shown before it.

    Attributes:
        begins_whole: whether decoding can start at the first packet.
    """

    begins_whole: bool = False
    _packets: list["Packet[VideoStream]"] = field(default_factory=list)
    _bytes: int = 0
    _left: int = MAX_PACKETS
    _has_keyframe: bool = False

    @property
    def is_full(self) -> bool:
        """Whether further packets are left out."""
        return not self._left or self._bytes > MAX_BYTES

    def add(self, packet: "Packet[VideoStream]", *, starts_decoding: bool) -> None:
        """Adds the next packet in the file's order. `starts_decoding`: whether decoding can start at this packet."""
        if self.is_full:
            return
        if starts_decoding and not self._has_keyframe:
            self.begins_whole, self._has_keyframe, self._left = not self._packets, True, 2 * MAX_HELD
        self._packets.append(packet)
        self._left -= 1
        self._bytes += packet.size

    def drop_hidden(self, timestamps: list[int], codec: VideoCodecContext, *, by_presentation: bool) -> list[int]:
        """Removes the timestamps of pictures that the decoder doesn't return.

        Args:
            timestamps: of the video's frames in ticks, ascending; never empty.
            by_presentation: whether they are presentation times, which decoded pictures have too. Otherwise as many of
                the first timestamps are removed as packets gave neither a picture nor an error.

        Returns:
            The remaining timestamps; never empty.

        Raises:
            JobFailed: the decoder can't be opened, because the file's description of the video is damaged.
        """
        open_decoder(codec)
        pictures = self._decode(codec)
        if not by_presentation:
            hidden = max(len(self._packets) - sum(1 for _ in pictures), 0)
            return timestamps[min(hidden, len(timestamps) - 1) :]
        times = (picture.pts for picture in pictures if picture and picture.pts is not None)
        first = min(itertools.islice(times, MAX_HELD), default=None)
        if first is None:
            return timestamps
        hidden_times = {packet.pts for packet in self._packets if packet.pts is not None and packet.pts < first}
        return [timestamp for timestamp in timestamps if timestamp not in hidden_times] or timestamps

    def _decode(self, codec: VideoCodecContext) -> Iterator[VideoFrame | None]:
        """Decodes the packets; None for a damaged one."""
        for packet in [*self._packets, None]:
            try:
                yield from codec.decode(packet)
            except av.error.FFmpegError:
                yield None
