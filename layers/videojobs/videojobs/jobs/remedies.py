"""Commands that make a rejected upload acceptable. They replace and move nothing in a bucket of the owner's."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from videojobs.foreign_text import file_for_command
from videojobs.jobs.commands import uri_for_command
from videojobs.jobs.uploads import KEY_MAX_BYTES, Upload, find_extension, is_path
from videojobs.video_formats import MP4_COPIED_EXTENSIONS, VIDEO_EXTENSIONS

_TARGETS_MAX = 9
"""How many keys to try for a converted video before a person has to choose one."""


@dataclass(frozen=True)
class UploadsPlace:
    """Where uploads lie.

    Attributes:
        prefix: What the keys of all uploads begin with (`UploadsPrefix`).
        is_existing: Whether the bucket is the owner's (`ExistingUploadsBucket`), not the stack's.
    """

    prefix: str = ""
    is_existing: bool = False


OWN_BUCKET = UploadsPlace()


def suggest_remedy(
    upload: Upload,
    place: UploadsPlace = OWN_BUCKET,
    extensions: Collection[str] = VIDEO_EXTENSIONS,
    *,
    is_taken: Callable[[str], bool] = lambda _: False,
) -> str:
    """Returns the commands that make a valid upload of `upload`, which has a fault (`find_fault`).

    Example:
        `ffmpeg -i ./VIDEO ./VIDEO.mp4 && aws s3 cp ./VIDEO.mp4 s3://uploads/cam/VIDEO.mp4`, on two lines

    Args:
        extensions: Those that the API takes, in lower case.
        is_taken: Returns whether the bucket has an object with a key, which a converted video would replace.
    """
    if find_extension(upload.key).lower() not in extensions:
        return _suggest_conversion(upload, place, is_taken)
    key = _make_acceptable(upload.key, place)
    if upload.size_bytes == 0 or key == upload.key:
        return _suggest_upload_to(key, upload)
    target = uri_for_command(replace(upload, key=key))
    return f"aws s3 {'cp' if place.is_existing else 'mv'} {uri_for_command(upload)} {target}"


def suggest_upload(upload: Upload) -> str:
    """Returns the command that uploads a video to the key of `upload` from a file with its name."""
    return _suggest_upload_to(upload.key, upload)


def suggest_corrected_video(upload: Upload) -> str:
    """Returns the command that uploads a corrected video. It gets another key if it would destroy the first one."""
    extension = find_extension(upload.key)
    other = f"{upload.key.removesuffix(extension)}.corrected{extension}"
    return _suggest_upload_to(upload.key if upload.version_id else other, upload)


def _suggest_upload_to(key: str, upload: Upload) -> str:
    name, extension = upload.key.rpartition("/")[2], find_extension(upload.key)
    file = file_for_command(name, f"VIDEO{extension.lower()}")
    return f"aws s3 cp {file} {uri_for_command(replace(upload, key=key))}"


def _suggest_conversion(upload: Upload, place: UploadsPlace, is_taken: Callable[[str], bool]) -> str:
    """Returns commands of which each runs only if the one before has succeeded.

    `.mp4` is appended, because another video may have the key with `.mp4` instead of the extension.
    """
    name, extension = upload.key.rpartition("/")[2], find_extension(upload.key)
    source, video = file_for_command(name, "VIDEO"), file_for_command(f"{name or 'video'}.mp4", "VIDEO.mp4")
    key = next((key for key in _list_targets(upload, place) if not is_taken(key)), f"{place.prefix}OTHER_KEY.mp4")
    commands = [f"aws s3 cp {video} {uri_for_command(replace(upload, key=key))}"]
    if extension or place.is_existing:
        # MP4 can't hold all sound, so only pictures are copied.
        copied = " -c:v copy" if extension.lower() in MP4_COPIED_EXTENSIONS else ""
        commands.insert(0, f"ffmpeg -i {source}{copied} {video}")
    if place.is_existing:  # its owner need not have the file at hand
        commands.insert(0, f"aws s3 cp {uri_for_command(upload)} {source}")
    return " &&\n  ".join(commands)


def _list_targets(upload: Upload, place: UploadsPlace) -> Iterator[str]:
    name = upload.key.rpartition("/")[2]
    base = upload.key if name else f"{upload.key}video"
    yield _make_acceptable(f"{base}.mp4", place)
    for number in range(2, _TARGETS_MAX + 1):
        yield _make_acceptable(f"{base}.{number}.mp4", place)


def _make_acceptable(key: str, place: UploadsPlace) -> str:
    """Returns `key`, or if it can't be an upload's, one below the prefix for a person to complete."""
    if _is_acceptable(key):
        return key
    word = "SHORTER_KEY" if len(key.encode()) > KEY_MAX_BYTES else "OTHER_KEY"
    return f"{place.prefix}{word}{find_extension(key).lower()}"


def _is_acceptable(key: str) -> bool:
    return len(key.encode()) <= KEY_MAX_BYTES and is_path(key)
