"""The files that a verification sends: a video, and a file that is rejected. The stack takes the extensions of both."""

from dataclasses import dataclass

from videoinfer.errors import CommandError
from videoinfer.pipeline_stack import PipelineStack
from videojobs.jobs.intake import EVERY_OBJECT, UploadFilter
from videojobs.jobs.uploads import find_extension
from videojobs.video_formats import MIME_TYPES, VIDEO_FORMATS

_NOT_A_VIDEO = b"videoinfer verify: this is not a video.\n"

_MP4 = next(it for it in VIDEO_FORMATS if it.extension == ".mp4")

_EXTENSIONS = [it.extension for it in VIDEO_FORMATS if it.demuxer == _MP4.demuxer]
"""Those of an MP4 and its relatives, which are read in the same way."""


@dataclass(frozen=True)
class SentFile:
    name: str
    body: bytes

    @property
    def mime_type(self) -> str:
        """The type that the report's player gets."""
        return MIME_TYPES[find_extension(self.name)]


@dataclass(frozen=True)
class SentFiles:
    """What a verification sends.

    Attributes:
        no_video: Is rejected.
        reason: A word in the reason of its rejection.
    """

    video: SentFile
    no_video: SentFile
    reason: str


def choose_files(stack: PipelineStack, clip: bytes) -> SentFiles:
    """The files to send to `stack`.

    Args:
        clip: The content of the sample video, an MP4.

    Raises:
        CommandError: The stack ignores MP4s.
    """
    if stack.upload_extensions == EVERY_OBJECT:
        return SentFiles(SentFile("clip.mp4", clip), SentFile("no-video.txt", _NOT_A_VIDEO), ".txt")
    taken = UploadFilter.parse(stack.upload_extensions).extensions or ()
    extension = next((it for it in _EXTENSIONS if it in taken), None)
    if extension is None:
        *names, last = (it.removeprefix(".") for it in _EXTENSIONS)
        raise CommandError(
            f"videoinfer verify sends an MP4, which the stack {stack.name} ignores, because UploadExtensions is "
            f"{stack.upload_extensions}. Add one of {', '.join(names)} or {last} to it while you verify "
            "(sam deploy --guided), or upload a video of your own and follow it with `videoinfer show`."
        )
    # Where other kinds of files are ignored, an empty video is rejected.
    return SentFiles(SentFile(f"clip{extension}", clip), SentFile(f"empty{extension}", b""), "empty")
