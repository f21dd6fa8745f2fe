"""Whether results are those of a video: a mix-up is told before a report or an annotated video is made of it."""

from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from videoengine.errors import JobFailed
from videoengine.timeline import find_video_stream, read_timeline
from videoengine.video_file import open_video
from videoinfer.errors import CommandError
from videoinfer.results_file import ResultsFile
from videojobs.results.marks import read_image_size

_SLACK_SHARE, _SLACK_FRAMES = 0.1, 5
"""How many more frames results may tell of: of damaged and hidden frames, not every reader counts the same."""

_SHAPE_TOLERANCE = 0.02
"""How much the shapes of two pictures may differ, since sizes are rounded when they are scaled."""

_LOOKED_AT_ELEMENTS = 100


def check_fit(results: ResultsFile, video: Path) -> None:
    """Raises `CommandError` where results are of another video, or the file is none.

    Videos of one shape and about the same length are not told apart.
    """
    try:
        with open_video(str(video.absolute())) as container:
            stream = find_video_stream(container)
            _check_shape(results, video, stream)
            if _may_be_too_long(results, container, stream):
                frames = len(read_timeline(container).timestamps)
                last = max(results.frame_offsets)
                if last >= frames * (1 + _SLACK_SHARE) + _SLACK_FRAMES:
                    told = f"it tells of frame {last:,}, and the video has {frames:,} frames"
                    raise CommandError(f"{results.path} is not of {video}: {told}.")
    except JobFailed as failure:
        raise CommandError(f"{video}: {failure}.") from failure


def _may_be_too_long(results: ResultsFile, container: InputContainer, stream: VideoStream) -> bool:
    """As the file's header says, which may be wrong; to count the frames, all of the file has to be read."""
    if not results.frame_offsets:
        return False
    seconds = (container.duration or 0) / av.time_base
    is_within_frames = not stream.frames or max(results.frame_offsets) < stream.frames
    return not (is_within_frames and max(results.time_offsets) <= seconds)


def _check_shape(results: ResultsFile, video: Path, stream: VideoStream) -> None:
    size = next(filter(None, map(_read_size, islice(results.read_elements(), _LOOKED_AT_ELEMENTS))), None)
    stored = stream.codec_context.width, stream.codec_context.height
    if not size or not all(stored):
        return
    # Some look at a frame as it is stored, others as it is shown: turned, or with pixels that are no squares.
    shape, aspect = stored[0] / stored[1], float(stream.sample_aspect_ratio or 1) or 1
    shapes = [shape, 1 / shape, shape * aspect, 1 / (shape * aspect)]
    if not any(abs(size[0] / size[1] / shape - 1) <= _SHAPE_TOLERANCE for shape in shapes):
        raise CommandError(
            f"{results.path} is not of {video}: it tells of frames of {size[0]:g} x {size[1]:g} pixels, "
            f"and those of the video have {stored[0]} x {stored[1]}."
        )


def _read_size(element: tuple[str, int, float, Any]) -> tuple[float, float] | None:
    return read_image_size(element[3])
