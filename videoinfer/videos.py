"""The video on disk: can it be sent at all, and its frames as pictures."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from shlex import quote

import av
from av.error import FFmpegError
from PIL import Image

from videoinfer.errors import CommandError

# The Video Inference API's list; `.mov` is not on it.
EXTENSIONS = (".mp4", ".avi", ".mkv", ".webm")


@dataclass(frozen=True)
class Video:
    """A video that can be decoded."""

    path: Path
    frame_rate: Fraction


def read_video(path: Path) -> Video:
    """Opens the file and looks at its first frame.

    Raises:
        CommandError: It is not a video that the API takes; says why and what to do.
    """
    if not path.is_file():
        raise CommandError(f"There is no file {path}.")
    if path.suffix.lower() not in EXTENSIONS:
        raise CommandError(
            f"{path.name}: the API takes {', '.join(EXTENSIONS)}. "
            f"If it is a video, convert it: ffmpeg -i {quote(str(path))} {quote(path.stem + '.mp4')}"
        )
    if path.stat().st_size == 0:
        raise CommandError(f"{path.name} is empty (0 bytes).")
    try:
        with av.open(path) as container:
            next(container.decode(video=0))
            stream = container.streams.video[0]
            frame_rate = stream.average_rate or stream.guessed_rate
    except FFmpegError as error:
        raise CommandError(f"{path.name} is not a video that can be decoded: {error.strerror}.") from error
    except (IndexError, StopIteration) as error:
        raise CommandError(f"There are no pictures in {path.name}.") from error
    if not frame_rate:
        raise CommandError(f"{path.name} does not say its frame rate.")
    return Video(path, Fraction(frame_rate.numerator, frame_rate.denominator))


def check_infer_fps(infer_fps: float, video: Video) -> None:
    """Raises `CommandError` for a sampling rate that the API would refuse."""
    if not 1 <= infer_fps <= video.frame_rate:
        raise CommandError(
            f"infer_fps is {infer_fps:g}: for {video.path.name} it is from 1 to the video's frame rate, "
            f"{float(video.frame_rate):.6g}."
        )


def decode_frame(path: Path, frame_offset: int) -> Image.Image:
    """The frame at `frame_offset`, counted from 0 in presentation order, turned as players turn it.

    Raises:
        IndexError: The video has fewer frames.
    """
    with av.open(path) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == frame_offset:
                image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
                return image if frame.rotation % 90 else image.rotate(frame.rotation, expand=True)
    raise IndexError(f"{path.name} has no frame {frame_offset}.")
