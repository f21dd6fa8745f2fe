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
"""How many more frames the results may have than the video: readers count damaged and hidden frames differently."""

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
            if _may_be_too_long(results, container, stream):
                frames = len(read_timeline(container).timestamps)
                last = max(results.frame_offsets)
                if last >= frames * (1 + _SLACK_SHARE) + _SLACK_FRAMES:
                    told = f"they have a frame {last:,}, and the video has {frames:,} frames"
                    raise CommandError(f"The results in {results.path} do not belong to {video}: {told}.")
    except JobFailed as failure:
        raise CommandError(f"{video}: {failure}.") from failure


def _may_be_too_long(results: ResultsFile, container: InputContainer, stream: VideoStream) -> bool:
    """Checks against the file's header first, which may be wrong, because counting the frames reads the whole file."""
    if not results.frame_offsets:
        return False
    seconds = (container.duration or 0) / av.time_base
    is_within_frames = not stream.frames or max(results.frame_offsets) < stream.frames
    return not (is_within_frames and max(results.time_offsets) <= seconds)


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
        raise CommandError(
            f"The results in {results.path} do not belong to {video}: "
            f"they have frames of {size[0]} x {size[1]} pixels, and those of the video {stored[0]} x {stored[1]}."
        )
