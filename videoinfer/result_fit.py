"""Checks that results belong to a video, before a report or an annotated video is made from the wrong pair."""

from itertools import chain, islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from videoengine.errors import JobFailed
from videoengine.timeline import find_video_stream, read_timeline
from videoengine.video_file import open_video
from videoinfer.errors import CommandError
from videoinfer.results_file import ResultsFile
from videojobs.results.predictions import read_frame_facts

_SLACK_SHARE, _SLACK_FRAMES = 0.1, 5
"""How many more or fewer frames the results may have than the video: readers count damaged and hidden frames
differently."""

_SAMPLE_SECONDS = 1
"""At least one frame a second is sampled, so the last one is in the video's last second."""

_SHAPE_TOLERANCE = 0.02
"""Maximum relative difference of two aspect ratios, because sizes are rounded when images are scaled."""

_LOOKED_AT_ELEMENTS = 100


def check_fit(results: ResultsFile, video: Path) -> None:
    """Raises `CommandError` if the results belong to another video, or the file is not a video.

    Videos with the same shape and about the same length can't be distinguished.
    """
    try:
        with open_video(video) as container:
            stream = find_video_stream(container)
            _check_shape(results, video, stream)
            if results.frame_offsets and not _fits_header(results, container, stream):
                _check_length(results, video, container)
    except JobFailed as failure:
        raise CommandError(f"{video}: {failure}.") from failure


def _fits_header(results: ResultsFile, container: InputContainer, stream: VideoStream) -> bool:
    """Whether the lengths agree according to the header, which may be wrong: counting frames reads the whole file."""
    seconds, last_seconds = (container.duration or 0) / av.time_base, max(results.time_offsets)
    is_within_frames = not stream.frames or max(results.frame_offsets) < stream.frames
    return is_within_frames and last_seconds <= seconds <= (last_seconds + _SAMPLE_SECONDS) * (1 + _SLACK_SHARE)


def _check_length(results: ResultsFile, video: Path, container: InputContainer) -> None:
    timeline = read_timeline(container)
    frames, last = len(timeline.timestamps), max(results.frame_offsets)
    slack = frames * _SLACK_SHARE + _SLACK_FRAMES
    if last >= frames + slack:
        raise _do_not_belong(results, video, f"they have a frame {last:,}, and the video has {frames:,} frames")
    if last < frames - slack - _SAMPLE_SECONDS * timeline.frame_rate:
        raise _do_not_belong(results, video, f"they end with frame {last:,}, and the video has {frames:,} frames")


def _do_not_belong(results: ResultsFile, video: Path, why: str) -> CommandError:
    return CommandError(
        f"The results in {results.path} do not belong to {video}: {why}. Give the video that they are of, or make "
        "results of this one with videoinfer infer."
    )


def _check_shape(results: ResultsFile, video: Path, stream: VideoStream) -> None:
    elements = chain.from_iterable(frames.entries for frames in results.read_frames({}))
    sizes = (read_frame_facts(element).size for element in islice(elements, _LOOKED_AT_ELEMENTS))
    size = next(filter(None, sizes), None)
    stored = stream.codec_context.width, stream.codec_context.height
    if not size or not all(stored):
        return
    # Some programs use a frame as it is stored, others as it is shown: rotated, or with pixels that are not square.
    shape, aspect = stored[0] / stored[1], float(stream.sample_aspect_ratio or 1) or 1
    shapes = [shape, 1 / shape, shape * aspect, 1 / (shape * aspect)]
    if not any(abs(size[0] / size[1] / shape - 1) <= _SHAPE_TOLERANCE for shape in shapes):
        told = f"they have frames of {size[0]} x {size[1]} pixels, and those of the video {stored[0]} x {stored[1]}"
        raise _do_not_belong(results, video, told)
