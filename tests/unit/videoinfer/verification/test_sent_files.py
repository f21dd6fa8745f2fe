"""Which files a verification sends, so that the stack does not ignore them."""

from typing import Any

import pytest

from tests.pipeline_stacks import make_stack
from videoinfer.errors import CommandError
from videoinfer.verification.sent_files import choose_files
from videojobs.jobs.intake import UploadFilter
from videojobs.jobs.uploads import Upload


@pytest.mark.parametrize(
    ("extensions", "video", "no_video"),
    [
        ("*", "clip.mp4", "no-video.txt"),
        ("videos", "clip.mp4", "empty.mp4"),
        ("mkv,mp4", "clip.mp4", "empty.mp4"),
        ("mov", "clip.mov", "empty.mov"),
        ("ts,m4v,3gp", "clip.m4v", "empty.m4v"),
    ],
)
def test_the_stack_takes_the_files_that_are_sent(extensions: str, video: str, no_video: str) -> None:
    files = choose_files(make_stack(no_clients(), upload_extensions=extensions), b"clip")
    assert (files.video.name, files.no_video.name) == (video, no_video)
    assert files.video.body == b"clip"
    uploads = UploadFilter.parse(extensions)
    for name in (video, no_video):
        assert uploads.takes(Upload(bucket="uploads", key=name, size_bytes=4, etag="e"))


@pytest.mark.parametrize("extensions", ["mkv", "avi,webm", "ts, mts"])
def test_a_stack_that_takes_no_mp4_is_not_verified(extensions: str) -> None:
    with pytest.raises(CommandError, match=f"UploadExtensions is {extensions}.* mp4, mov, m4v, 3gp or 3g2"):
        choose_files(make_stack(no_clients(), upload_extensions=extensions), b"clip")


def no_clients() -> Any:
    return None
