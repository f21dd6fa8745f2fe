"""Plans an MP4 from its index: after opening, FFmpeg gets zeros for the media.

FFmpeg itself still applies the index, edit lists included. So the timeline is the one that reading the whole file
gives, if nothing depends on the content of the media but what `MediaSkipper.find_starts` reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from av.container import InputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from videoengine.fragment_reader import FragmentReader
from videoengine.packets import starts_decoding
from videoengine.s3_file import S3Object

SKIPPED_CODECS = "h264", "hevc"
"""Codecs of MP4 whose packets FFmpeg passes on whole, with the index's timestamps, whatever their content."""

PASSED_ON_CODECS = "aac", "alac", "pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "mjpeg", "png", *SKIPPED_CODECS
"""Codecs of a file's streams, also those that are not read, whose packets FFmpeg passes on whole. Its parsers of MP3,
AC-3 and others would collect zeros in memory."""

LATE_BOXES = b"sidx", b"saio", b"saiz", b"senc", b"sinf", b"iacb", b"vdva", b"dvca"
"""Boxes that make FFmpeg's demuxer read more than samples after opening (libavformat/mov.c): an index of fragments,
which it then reads one by one; encryption, whose data may lie among the media; sound that it takes apart (IAMF, DV)."""

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
        self.skips, self._is_opening, self._has_late_box = False, True, False
        self._tail = b""  # the last bytes that were read

    def read(self, size: int = -1) -> bytes:
        start = self.file.tell()
        if self.skips:
            length = max(min(size, self.file.size - start, _MAX_READ), 0)
            self.file.seek(start + length)
            return bytes(length)
        if not self._is_opening:
            return self.file.read(size)
        # The type of a box may be read in two parts.
        before = self._tail if start == self._end else b""
        content = super().read(size)
        self._has_late_box = self._has_late_box or any(box in before + content for box in LATE_BOXES)
        self._tail = content[-3:]
        return content

    def finish_opening(self) -> None:
        """Looks for no further boxes: FFmpeg has opened the file, and reads none before one of `LATE_BOXES`."""
        self._is_opening = False

    def start(self, container: InputContainer, stream: VideoStream, keyframes: int) -> bool:
        """Skips the media from here on, if that is faster and certainly gives the same packets, but for their content.

        Args:
            container: opened with this file.
            keyframes: the number of samples whose content `find_starts` will look at.

        Returns:
            Whether the media is skipped.
        """
        self.skips = (
            "mp4" in container.format.name
            and not self._has_late_box
            and stream.codec_context.name in SKIPPED_CODECS
            and all(map(_is_passed_on, container.streams))
            and keyframes * MIN_BYTES_PER_KEYFRAME <= self.file.size
        )
        return self.skips

    def find_starts(self, samples: Sequence[SkippedSample], codec: VideoCodecContext) -> Iterator[int]:
        """The timestamps of the samples that decoding can start at. Most samples are read only as far as necessary."""
        unsure = list[SkippedSample]()
        heads = self.file.read_ranges((it.place, min(it.size, HEAD_BYTES)) for it in samples)
        for sample, head in zip(samples, heads, strict=True):
            if starts_decoding(head, codec):
                yield sample.timestamp
            elif sample.size > HEAD_BYTES:
                unsure.append(sample)
        contents = self.file.read_ranges((it.place, it.size) for it in unsure)
        for sample, content in zip(unsure, contents, strict=True):
            if starts_decoding(content, codec):
                yield sample.timestamp


def _is_passed_on(stream: Stream) -> bool:
    codec = stream.codec_context
    return codec.name in PASSED_ON_CODECS if codec else stream.type == "data"
