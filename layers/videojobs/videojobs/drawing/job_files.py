"""Downloads a job's video and results, for the functions that decode the video."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videojobs.drawing.scratch import scratch_folder
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import MediaOutput
from videojobs.jobs.uploads import Upload
from videojobs.result_files import RESULTS_FILE, locate_results
from videojobs.s3_errors import is_denied, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIDEO_MAX_BYTES = 6 * 1024**3
"""The function's disk must hold the video, the results and what is made of them together."""

FRAME_MAX_PIXELS = 8_847_360
"""4096 by 2160, as the engine's `MaxFramePixels`: the function's memory holds dozens of frames at once."""

_NO_VIDEO = "The video has been deleted, or access to it is denied."


@dataclass(frozen=True)
class JobFiles:
    """A job's files on this machine. `folder` has room for others; it is removed with them."""

    folder: Path
    video: Path
    results: Path


@contextmanager
def download_job_files(s3: "S3Client", results_bucket: str, job: Job, output: MediaOutput) -> Iterator[JobFiles]:
    """Yields a job's files, and removes them.

    Args:
        output: What they are for.

    Raises:
        VideoNotDrawable: The video is too large, another file has replaced it, or one of the files does not exist.
    """
    if job.upload.size_bytes > VIDEO_MAX_BYTES:
        raise VideoNotDrawable(f"Videos above {VIDEO_MAX_BYTES / 1024**3:.0f} GiB get no {output.title}.")
    with scratch_folder(Path(tempfile.gettempdir(), output.name)) as folder:
        files = JobFiles(folder, folder / "video", folder / RESULTS_FILE)
        _check_video(s3, job.upload)
        _download(s3, job.upload.location, files.video, _NO_VIDEO)
        results_key = locate_results(job.upload.key, job.job_id, RESULTS_FILE)
        _download(s3, {"Bucket": results_bucket, "Key": results_key}, files.results, "There are no results.")
        yield files


def _check_video(s3: "S3Client", upload: Upload) -> None:
    """Raises VideoNotDrawable if another file has replaced the video, which only versioning prevents."""
    if upload.version_id:
        return
    with _readable(s3, _NO_VIDEO):
        head = s3.head_object(**upload.location)
    if head["ETag"].strip('"') != upload.etag:
        raise VideoNotDrawable("Another file has replaced the video.")


def _download(s3: "S3Client", location: Mapping[str, str], path: Path, missing: str) -> None:
    bucket, key, version = location["Bucket"], location["Key"], location.get("VersionId")
    with _readable(s3, missing):
        s3.download_file(bucket, key, str(path), ExtraArgs={"VersionId": version} if version else None)


@contextmanager
def _readable(s3: "S3Client", missing: str) -> Iterator[None]:
    """Raises VideoNotDrawable with the reason `missing` if S3 has no such object."""
    try:
        yield
    except s3.exceptions.ClientError as error:
        if is_missing(error) or is_denied(error):  # S3 denies a missing object if the role can't list the bucket
            raise VideoNotDrawable(missing) from None
        raise
