"""From delivered results to an annotated video in S3: the flow of `annotate_video`.

FFmpeg reads an untrusted file here, so the function's role allows only to get videos and results and to put annotated
videos. Another function, `record_annotation`, updates the ledger and sends the notice.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videojobs.drawing.scratch import scratch_folder
from videojobs.drawing.video import Drawn, draw_video
from videojobs.errors import VideoNotDrawable
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.uploads import Upload
from videojobs.logs import logger
from videojobs.record_annotation import UPLOAD, locate_annotated_video
from videojobs.result_files import ANNOTATED_VIDEO, RESULTS_FILE, locate_results
from videojobs.results.analysis import Analysis
from videojobs.results.region_counts import count_regions
from videojobs.results.samples import read_samples
from videojobs.s3_errors import is_denied, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIDEO_MAX_BYTES = 6 * 1024**3
"""The function's disk must hold the video, the results and the annotated video together."""

FRAME_MAX_PIXELS = 8_847_360
"""4096 by 2160, as the engine's `MaxFramePixels`: the function's memory holds dozens of frames at once."""

LAST_SECONDS = 90
"""Time to keep for after the drawing: FFmpeg moves the MP4's index to the front, and the file is uploaded to S3."""


_NO_VIDEO = "The video has been deleted, or access to it is denied."


@dataclass(frozen=True)
class VideoAnnotation:
    """Makes annotated videos. Called again for the same job, it makes the same video."""

    s3: "S3Client"
    results_bucket: str
    meter: Meter
    count_seconds_left: Callable[[], float]

    def annotate(self, job: Job) -> Mapping[str, Any]:
        """Draws the results of `job` on its video, and puts the annotated video beside the results.

        Returns `{"status": "annotated" | "failed", "reason": …, "gigabyte_seconds": …, "left_out_sounds": …}`.
        """
        answer = {"status": "failed", "reason": None, "left_out_sounds": 0}
        try:
            drawn = self._make_video(job)
        except VideoNotDrawable as problem:
            answer["reason"] = str(problem)
        else:
            answer |= {"status": "annotated", "left_out_sounds": drawn.left_out_sounds}
        return {**answer, "gigabyte_seconds": round(self.meter.gigabyte_seconds, 3)}

    def _make_video(self, job: Job) -> Drawn:
        """Puts the annotated video beside the results. Raises VideoNotDrawable."""
        if job.upload.size_bytes > VIDEO_MAX_BYTES:
            raise VideoNotDrawable(f"Videos above {VIDEO_MAX_BYTES / 1024**3:.0f} GiB are not annotated.")
        with scratch_folder(Path(tempfile.gettempdir(), "annotation")) as folder:
            video, results, annotated = (folder / name for name in ("video", RESULTS_FILE, ANNOTATED_VIDEO))
            self._check_video(job.upload)
            self._download(job.upload.location, video, _NO_VIDEO)
            results_key = locate_results(job.upload.key, job.job_id, RESULTS_FILE)
            self._download({"Bucket": self.results_bucket, "Key": results_key}, results, "There are no results.")
            model_ids = [model.model_id for model in job.options.models]
            # Events are known only some seconds later in the results, so these are read once more to draw.
            counts = count_regions(results, job.options)
            samples = read_samples(results, model_ids, Analysis.of(job.options, with_events=False))
            drawn = draw_video(
                video,
                samples,
                annotated,
                self._watch,
                frame_max_pixels=FRAME_MAX_PIXELS,
                start_offset=job.start_offset,
                counts=counts,
            )
            logger.info("The annotated video has been drawn.", **asdict(drawn), bytes=annotated.stat().st_size)
            self.s3.upload_file(
                str(annotated),
                self.results_bucket,
                locate_annotated_video(job),
                ExtraArgs={"ContentType": "video/mp4"},
                Config=UPLOAD,
            )
        return drawn

    def _check_video(self, upload: Upload) -> None:
        """Raises VideoNotDrawable if another file has replaced the video, which only versioning prevents."""
        if upload.version_id:
            return
        with self._readable(_NO_VIDEO):
            head = self.s3.head_object(**upload.location)
        if head["ETag"].strip('"') != upload.etag:
            raise VideoNotDrawable("Another file has replaced the video.")

    def _download(self, location: Mapping[str, str], path: Path, missing: str) -> None:
        bucket, key, version = location["Bucket"], location["Key"], location.get("VersionId")
        with self._readable(missing):
            self.s3.download_file(bucket, key, str(path), ExtraArgs={"VersionId": version} if version else None)

    @contextmanager
    def _readable(self, missing: str) -> Iterator[None]:
        """Raises VideoNotDrawable with the reason `missing` if S3 has no such object."""
        try:
            yield
        except self.s3.exceptions.ClientError as error:
            if is_missing(error) or is_denied(error):  # S3 denies a missing object if the role can't list the bucket
                raise VideoNotDrawable(missing) from None
            raise

    def _watch(self, share: float) -> None:
        if self.count_seconds_left() < LAST_SECONDS:
            raise VideoNotDrawable(
                f"The video is too long to be annotated within the function's time limit: {share:.0%} of it was done. "
                "To annotate it on your own machine, use videoinfer annotate with results.json and the video."
            )
