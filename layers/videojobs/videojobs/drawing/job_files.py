"""Downloads a job's video and results, for the functions that decode the video."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videojobs.drawing.scratch import scratch_folder
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import MediaOutput
from videojobs.jobs.uploads import Upload
from videojobs.result_files import RESULTS_FILE, locate_results
from videojobs.s3_errors import is_denied, is_missing, is_replaced

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIDEO_MAX_BYTES = 6 * 1024**3
"""The function's disk must hold the video, the results and what is made of them together."""

FRAME_MAX_PIXELS = 8_847_360
"""4096 by 2160, as the engine's `MaxFramePixels`: the function's memory holds dozens of frames at once."""

_COPY_BYTES = 1024 * 1024

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
        with _readable(s3, _NO_VIDEO):
            _download_video(s3, job.upload, files.video)
        results_key = locate_results(job.upload.key, job.job_id, RESULTS_FILE)
        with _readable(s3, "There are no results."):
            s3.download_file(results_bucket, results_key, str(files.results))
        yield files


def _download_video(s3: "S3Client", upload: Upload, path: Path) -> None:
    """Without versioning, another file may replace the video at any moment, so S3 checks in one request which it is.

    boto3's `download_file` does not take `If-Match`.
    """
    if upload.version_id:
        s3.download_file(upload.bucket, upload.key, str(path), ExtraArgs={"VersionId": upload.version_id})
        return
    with closing(s3.get_object(**upload.location, IfMatch=upload.etag)["Body"]) as body, path.open("wb") as file:
        shutil.copyfileobj(body, file, _COPY_BYTES)


@contextmanager
def _readable(s3: "S3Client", missing: str) -> Iterator[None]:
    """Raises VideoNotDrawable with the reason `missing` if S3 has no such object."""
    try:
        yield
    except s3.exceptions.ClientError as error:
        if is_replaced(error):
            raise VideoNotDrawable("Another file has replaced the video.") from None
        if is_missing(error) or is_denied(error):  # S3 denies a missing object if the role can't list the bucket
            raise VideoNotDrawable(missing) from None
        raise
