"""Finds the keyframes that decoding can start at."""

from collections.abc import Iterator

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videoengine.media_skipping import SKIPPED_CODECS, MediaSkipper, SkippedSample
from videoengine.packets import starts_decoding


class KeyframeSearch:
    """Checks packets in the file's order.

    In an MP4, H.264 and HEVC are searched only among the samples that the index marks as keyframes, so that an index
    tells which samples to read. In other files, FFmpeg's parser reads all packets and tells which are keyframes.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, skipper: MediaSkipper | None) -> None:
        """`container` is just opened; `skipper` is its file."""
        self._container, self._stream, self._skipper = container, stream, skipper
        if skipper:
            skipper.finish_opening()
        self._marked = _MarkedSamples(stream)
        self._is_indexed = "mp4" in container.format.name and stream.codec_context.name in SKIPPED_CODECS
        self._skips = False
        self._skipped = list[SkippedSample]()

    def check(self, packet: "Packet[VideoStream]", *, is_content_needed: bool) -> bool:
        """Whether decoding can start at a packet. False if its content was skipped: `find_skipped` checks it later.

        Args:
            is_content_needed: whether the content of the next packets is needed for another reason.
        """
        # If an index marks none, FFmpeg marks the first. Of fragments with an index, FFmpeg reads the first one first.
        by_index = self._is_indexed and self._marked.count_places() > 1
        if by_index and not is_content_needed:
            self._skip_media()
        if not (packet.pos in self._marked if by_index else packet.is_keyframe):
            return False
        if not self._skips:
            return starts_decoding(packet, self._stream.codec_context)
        if packet.pts is not None and packet.pos is not None:
            self._skipped.append(SkippedSample(packet.pts, packet.pos, packet.size))
        return False

    def find_skipped(self) -> Iterator[int]:
        """The timestamps of the skipped packets that decoding can start at."""
        if self._skipper:
            yield from self._skipper.find_starts(self._skipped, self._stream.codec_context)

    def _skip_media(self) -> None:
        if self._skipper and not self._skips:
            self._skips = self._skipper.start(self._container, self._stream, self._marked.count())
            self._skipper = self._skipper if self._skips else None


class _MarkedSamples:
    """The places of a stream's marked samples in the file, in bytes, as far as FFmpeg has read the index."""

    def __init__(self, stream: VideoStream) -> None:
        self._entries = stream.index_entries
        self._read, self._count, self._places = 0, 0, set[int]()

    def count_places(self) -> int:
        self._read_on()
        return len(self._places)

    def count(self) -> int:
        """Several samples may have the same place: edit lists repeat them, and a damaged index may say anything."""
        self._read_on()
        return self._count

    def __contains__(self, place: int | None) -> bool:
        self._read_on()
        return place in self._places

    def _read_on(self) -> None:
        while self._read < len(self._entries):
            entry = self._entries[self._read]
            if entry.is_keyframe:
                self._places.add(entry.pos)
                self._count += 1
            self._read += 1
