"""Commands for a person to paste into a shell. They hold no text that a shell could take for more than a name."""

import re
from dataclasses import replace

from videojobs.foreign_text import file_for_command, word_for_command
from videojobs.jobs.ledger import Job
from videojobs.jobs.uploads import KEY_MAX_BYTES, Upload, find_extension, is_path
from videojobs.video_formats import VIDEO_EXTENSIONS

_HARMLESS_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")


def compose_retry_command(upload: Upload) -> str:
    """The command that makes a new version of an upload out of itself, and so a new job."""
    uri = uri_for_command(upload)
    return f"aws s3 cp {uri} {uri} --storage-class STANDARD"


def name_for_command(job: Job) -> str:
    """What `videoinfer` finds `job` by: its job_id, or its execution's name where the API's id could be anything."""
    return job.job_id if _HARMLESS_ID.fullmatch(job.job_id) else job.execution_name


def suggest_remedy(upload: Upload) -> str:
    """The command that puts a proper video in place of `upload`."""
    folder, slash, name = upload.key.rpartition("/")
    extension = find_extension(upload.key)
    if len(upload.key.encode()) > KEY_MAX_BYTES:
        return f"aws s3 mv {uri_for_command(upload)} s3://{upload.bucket}/SHORTER_KEY.mp4"
    if not is_path(upload.key):
        return f"aws s3 mv {uri_for_command(upload)} s3://{upload.bucket}/OTHER_KEY.mp4"
    if extension.lower() in VIDEO_EXTENSIONS:
        return f"aws s3 cp {file_for_command(name, f'VIDEO{extension.lower()}')} {uri_for_command(upload)}"
    stem = name.removesuffix(extension) or "video"
    video = file_for_command(f"{stem}.mp4", "VIDEO.mp4")
    target = uri_for_command(replace(upload, key=f"{folder}{slash}{stem}.mp4"))
    copy = f"aws s3 cp {video} {target}"
    return f"ffmpeg -i {file_for_command(name, 'VIDEO')} {video}\n  {copy}" if extension else copy


def uri_for_command(upload: Upload) -> str:
    """Its URI as a word of a command: with KEY in place of a key that a shell could take for more than a name."""
    return word_for_command(upload.uri, f"s3://{upload.bucket}/KEY")
