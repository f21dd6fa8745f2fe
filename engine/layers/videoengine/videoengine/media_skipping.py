"""Plans an MP4 from its index: after opening, FFmpeg gets zeros for the media.

FFmpeg itself still applies the index, edit lists included. So the timeline is the one that reading the whole file
gives, if nothing depends on the content of the media but what `MediaSkipper.find_starts` reads.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from videoengine.fragment_headers import MAX_EDGE_BYTES, Part, find_indexed_fragments, read_all_but_media
from videoengine.fragment_reader import FragmentReader
from videoengine.packets import starts_decoding
from videoengine.s3_file import S3Object

SKIPPED_CODECS = "h264", "hevc"
"""Codecs of MP4 whose packets FFmpeg passes on whole, with the index's timestamps, whatever their content."""

PASSED_ON_CODECS = "aac", "alac", "pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "mjpeg", "png", *SKIPPED_CODECS
"""Codecs of a file's streams, also those that are not read, whose packets FFmpeg passes on whole. Its parsers of MP3,
AC-3 and others would collect zeros in memory."""

INDEX = b"sidx"
"""The type of an index of fragments. With it, FFmpeg reads the headers of fragments one by one, after opening."""

LATE_BOXES = b"saio", b"saiz", b"senc", b"sinf", b"iacb", b"vdva", b"dvca"
"""Other boxes that make FFmpeg's demuxer read more than samples after opening (libavformat/mov.c): encryption, whose
data may lie among the media; sound that it takes apart (IAMF, DV)."""

HEAD_BYTES = 2048
"""How much of a keyframe usually shows whether decoding can start at it: its parameters and messages come first."""

MIN_BYTES_PER_KEYFRAME = 200_000
"""Requesting the beginning of a keyframe takes about as long as reading so much of the file in order."""

_MAX_READ = 2**20


@dataclass(frozen=True, slots=True)
class SkippedSample:
    """A packet in the file: its timestamp in ticks, and its place and size in bytes."""

    timestamp: int
    place: int
    size: int


class MediaSkipper(FragmentReader):
    """A file for FFmpeg.

    Example:
        with S3Object(s3, bucket, key) as file, MediaSkipper(file) as skipper, open_video(skipper) as container:
            timeline = read_timeline(container, skipper)

    Attributes:
        skips: whether reads give zeros.
    """

    def __init__(self, file: S3Object) -> None:
        super().__init__(file)
        self.skips, self._is_opening = False, True
        self._boxes = set[bytes]()  # those of `INDEX` and `LATE_BOXES` that were read
        self._kept = list[Part]()  # what is read as it is while skipping
        self._tail = b""  # the last bytes that were read

    def read(self, size: int = -1) -> bytes:
        start = self.file.tell()
        if self.skips:
            content = self._read_skipping(start, size)
            self.file.seek(start + len(content))
            return content
        if not self._is_opening:
            return self.file.read(size)
        # The type of a box may be read in two parts.
        before = self._tail if start == self._end else b""
        content = super().read(size)
        self._boxes.update(box for box in (INDEX, *LATE_BOXES) if box in before + content)
        self._tail = content[-3:]
        return content

    def _read_skipping(self, start: int, size: int) -> bytes:
        number = bisect_right(self._kept, start, key=lambda part: part[0])
        if number:
            begin, content = self._kept[number - 1]
            if kept := content[start - begin :][:size]:
                return kept
        end = self._kept[number][0] if number < len(self._kept) else self.file.size
        return bytes(max(min(size, end - start, _MAX_READ), 0))

    def finish_opening(self) -> None:
        """Looks for no further boxes: FFmpeg has opened the file, and reads none without `INDEX` or `LATE_BOXES`."""
        self._is_opening = False

    def start(self, container: InputContainer, stream: VideoStream, keyframes: int) -> bool:
        """Skips the media from here on, if that is faster and certainly gives the same packets, but for their content.

        Args:
            container: opened with this file.
            keyframes: the number of samples whose content `find_starts` will look at, as far as it is known.

        Returns:
            Whether the media is skipped.
        """
        self.skips = (
            "mp4" in container.format.name
            and self._boxes <= {INDEX}
            and stream.codec_context.name in SKIPPED_CODECS
            and all(map(_is_passed_on, container.streams))
            and keyframes * MIN_BYTES_PER_KEYFRAME <= self.file.size
            and (INDEX not in self._boxes or self._keep_headers())
        )
        return self.skips

    def _keep_headers(self) -> bool:
        """Reads the headers of fragments that an index lists; False if that takes too long, or gives no certainty."""
        (beginning,) = self.file.read_ranges([(0, min(MAX_EDGE_BYTES, self.file.size))])
        edges = find_indexed_fragments(beginning)
        # Each fragment takes a request for its headers, and usually one for its keyframe.
        if edges and len(edges) * 2 * MIN_BYTES_PER_KEYFRAME <= self.file.size:
            self._kept = read_all_but_media(self.file, beginning, edges)
        return bool(self._kept) and not any(box in it for _, it in self._kept[1:] for box in (INDEX, *LATE_BOXES))

    def find_starts(self, samples: Sequence[SkippedSample], codec: VideoCodecContext) -> Iterator[int]:
        """The timestamps of the samples that decoding can start at. Most samples are read only as far as necessary."""
        unsure = list[SkippedSample]()
        heads = self._read_samples([(it.place, min(it.size, HEAD_BYTES)) for it in samples])
        for sample, head in zip(samples, heads, strict=True):
            if starts_decoding(head, codec):
                yield sample.timestamp
            elif sample.size > HEAD_BYTES:
                unsure.append(sample)
        contents = self._read_samples([(it.place, it.size) for it in unsure])
        for sample, content in zip(unsure, contents, strict=True):
            if starts_decoding(content, codec):
                yield sample.timestamp

    def _read_samples(self, ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        if len(ranges) * MIN_BYTES_PER_KEYFRAME <= self.file.size:
            return self.file.read_ranges(ranges)
        # Later fragments have more keyframes than were known when the skipping started. They share blocks.
        return (self._read_in_order(*part) for part in ranges)

    def _read_in_order(self, start: int, length: int) -> bytes:
        self.file.seek(start)
        content = b""
        while part := self.file.read(length - len(content)):
            content += part
        return content


def _is_passed_on(stream: Stream) -> bool:
    codec = stream.codec_context
    return codec.name in PASSED_ON_CODECS if codec else stream.type == "data"
