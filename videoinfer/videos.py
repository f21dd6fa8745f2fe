"""Checks whether a video on disk can be sent, and reads its frames as the engine does."""

from bisect import bisect_right
from fractions import Fraction
from pathlib import Path
from shlex import quote

from av.video.frame import VideoFrame

from videoengine.errors import JobFailed
from videoengine.frames import read_frames
from videoengine.segments import SampledFrame, select_frames
from videoengine.timeline import read_timeline
from videoengine.video_file import open_video
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videojobs.video_formats import KNOWN_EXTENSIONS

_TRIED_FRAMES = 10
"""One of this many sampled frames has to be decodable: the first ones of a cut video may be damaged."""


def sample_video(path: Path, infer_fps: float) -> list[SampledFrame]:
    """The frames that the engine would sample. At least one of the first ones is decodable.

    Raises:
        CommandError: The engine does not read the video, or not at that rate; the message says why and what to do.
    """
    check_file(path)
    if path.suffix.lower() not in KNOWN_EXTENSIONS:
        raise CommandError(
            f"{path.name}: the engine reads {', '.join(KNOWN_EXTENSIONS)}. "
            f"If it is a video, convert it: ffmpeg -i {quote(str(path.absolute()))} {quote(f'./{path.stem}.mp4')}"
        )
    rate = read_rate(infer_fps)
    try:
        with open_video(path) as container:
            frames = select_frames(read_timeline(container), rate)
        if not any(decode_frame(path, frame) for frame in frames[:_TRIED_FRAMES]):
            raise CommandError(f"{path.name}: none of its first frames can be decoded.")
    except JobFailed as failure:
        raise CommandError(f"{path.name}: {failure}.") from failure
    return frames


def find_frame(path: Path, seconds: float | None) -> SampledFrame:
    """The frame that is shown at a time, in seconds from the first frame; without one, in the middle of the video.

    Raises:
        CommandError: The video can't be read, or is shorter; the message says why.
    """
    check_file(path)
    try:
        with open_video(path) as container:
            timeline = read_timeline(container)
    except JobFailed as failure:
        raise CommandError(f"{path.name}: {failure}.") from failure
    first, last = timeline.timestamps[0], timeline.timestamps[-1]
    length = float((last - first) * timeline.time_base)
    seconds = length / 2 if seconds is None else seconds
    if seconds > length + 1 / float(timeline.frame_rate):
        raise CommandError(f"{path.name}: there is no frame at {seconds:g} s. The last one is at {length:g} s.")
    number = bisect_right(timeline.timestamps, first + round(seconds / timeline.time_base)) - 1
    timestamp = timeline.timestamps[number]
    keyframe = timeline.keyframes[bisect_right(timeline.keyframes, timestamp) - 1]
    return SampledFrame(number, round(float((timestamp - first) * timeline.time_base), 4), timestamp, keyframe)


def measure_start_offset(path: Path) -> float | None:
    """Seconds from a player's 0 to the first frame, as the engine reports it; None if it can't read the video."""
    try:
        with open_video(path) as container:
            return read_timeline(container).start_offset
    except JobFailed:
        return None


def read_rate(infer_fps: float) -> Fraction:
    """`--infer-fps` as the engine's fraction. Raises `CommandError` if it is not a valid rate."""
    if not 1 <= infer_fps < float("inf"):  # NaN fails every comparison
        raise CommandError(f"--infer-fps is {infer_fps:g}: it must be at least 1, and at most the video's frame rate.")
    return Fraction(str(infer_fps))


def decode_frame(path: Path, frame: SampledFrame) -> VideoFrame | None:
    """The image of a frame from `sample_video`, as it is stored; None if its data is damaged.

    Raises:
        JobFailed: The video can't be decoded at all.
    """
    with open_video(path) as container:
        return next((picture for _, picture in read_frames(container, [frame])), None)
