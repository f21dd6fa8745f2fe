"""Writes a dataset: the pictures of sampled frames, and their predictions in formats of labeling and training tools.

The video and the results are read once, side by side, in constant memory.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from av.error import FFmpegError

from videojobs.dataset.contents import IMAGES_FOLDER, DatasetContents, LabeledImage
from videojobs.dataset.formats import WRITERS
from videojobs.dataset.labels import is_readable, read_labels
from videojobs.dataset.names import FORMATS, DatasetFormat
from videojobs.dataset.pictures import find_frames
from videojobs.dataset.sink import DatasetSink
from videojobs.errors import VideoNotDrawable
from videojobs.outputs.coco_parts import name_picture
from videojobs.results.samples import Sample


@dataclass(frozen=True, kw_only=True)
class DatasetCounts:
    """What a dataset contains.

    Attributes:
        images: The number of pictures.
        labels: The number of predictions on them.
        undecodable: The number of chosen frames that can't be decoded.
        misplaced: The number of chosen frames that were not found, because the results are not in the order of time.
        repeated: The number of chosen frames that were sampled again; only their first predictions are labels.
        failed: The number of chosen frames on which a model failed. They have no picture, because a picture without
            labels shows a model what is not there.
        unread: The number of chosen frames with predictions that can't be read; they have no picture either.
        left_out: How many predictions a format can't hold, by format (`all` for every format) and reason.
    """

    images: int
    labels: int
    undecodable: int
    misplaced: int
    repeated: int
    failed: int
    unread: int
    left_out: Mapping[str, Mapping[str, int]]

    @property
    def missing(self) -> int:
        """The number of chosen frames without a picture."""
        return self.undecodable + self.misplaced + self.failed + self.unread


def write_dataset(
    video: Path,
    samples: Iterable[Sample],
    sink: DatasetSink,
    *,
    formats: Sequence[DatasetFormat] = FORMATS,
    chosen: Sequence[int] | None = None,
    watch: Callable[[float], None] = lambda _: None,
    frame_max_pixels: int | None = None,
    start_offset: float | None = None,
) -> DatasetCounts:
    """Writes the pictures of chosen frames as JPEG, as players show them, and the files of each format.

    A frame that is sampled twice is one picture, with its first predictions.

    Args:
        samples: All sampled frames in the order of the video, analyzed as for other outputs.
        chosen: The numbers in the video (`frame_offset`) of the frames that get a picture, in ascending order; by
            default, all sampled frames.
        watch: Called with the share of the video (0 to 1) that is done. An exception that it raises ends the work.
        frame_max_pixels: The largest frame, width times height. Larger ones count as undecodable.
        start_offset: When a player shows the frame at which the samples' times begin, in seconds, or None if unknown.

    Raises:
        VideoNotDrawable: The video can't be read; says why. Errors of the sink are not translated.
    """
    missing, left_out = Counter[str](), Counter[str]()
    with DatasetContents() as contents:
        frames = find_frames(
            video,
            _choose(samples, chosen, missing),
            watch,
            frame_max_pixels=frame_max_pixels,
            start_offset=start_offset,
        )
        last_frame, last_offset, last_time = -1, -1, -inf
        for sample, shown in _translate_errors(frames):
            is_late, last_time = sample.time_offset < last_time, max(last_time, sample.time_offset)
            if shown is None:
                missing["misplaced" if is_late else "undecodable"] += 1
                continue
            if shown.number == last_frame:
                missing["repeated"] += 1
                continue
            labels = read_labels(sample, shown.turn, contents.categories, left_out)
            name = name_picture(sample.frame_offset, contents.images + 1, last_offset)
            last_frame, last_offset = shown.number, max(last_offset, sample.frame_offset)
            sink.write(f"{IMAGES_FOLDER}/{name}", shown.make_jpeg())
            width, height = shown.turn.shown_size
            contents.add(
                LabeledImage(contents.images, name, width, height, sample.frame_offset, sample.time_offset, labels)
            )
        by_format: dict[str, Mapping[str, int]] = {name: +Counter(WRITERS[name](contents, sink)) for name in formats}
        return DatasetCounts(
            images=contents.images,
            labels=contents.labels,
            undecodable=missing["undecodable"],
            misplaced=missing["misplaced"],
            repeated=missing["repeated"],
            failed=missing["failed"],
            unread=missing["unread"],
            left_out={name: reasons for name, reasons in {"all": +left_out, **by_format}.items() if reasons},
        )


def _choose(samples: Iterable[Sample], chosen: Sequence[int] | None, missing: Counter[str]) -> Iterator[Sample]:
    for sample in samples:
        if chosen is not None and not _contains(chosen, sample.frame_offset):
            continue
        if any(element.is_failure for element in sample.elements):
            missing["failed"] += 1
        elif not all(map(is_readable, sample.elements)):
            missing["unread"] += 1
        else:
            yield sample


def _contains(numbers: Sequence[int], number: int) -> bool:
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


def _translate_errors[Item](items: Iterator[Item]) -> Iterator[Item]:
    """Raises FFmpeg's errors while reading as VideoNotDrawable; what uses the items may raise its own."""
    try:
        yield from items
    except FFmpegError as error:
        raise VideoNotDrawable(f"The video can't be read: {error.strerror}.") from error
