"""From delivered results to an annotated video in S3: the flow of `annotate_video`."""

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig

from videojobs.annotated_video import draw_video
from videojobs.costs import COSTS, Meter, add_costs, compose_cost, measure_annotation
from videojobs.errors import VideoNotDrawable
from videojobs.jobs import Job, Ledger
from videojobs.logs import logger
from videojobs.notices import NoticesTopic, compose_annotated
from videojobs.results import ResultsBucket, locate_results
from videojobs.samples import read_samples
from videojobs.scratch import scratch_folder
from videojobs.share_links import SharedJob, ShareLinks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIDEO_MAX_BYTES = 6 * 1024**3
"""The function's disk holds the video, the results and the annotated video."""

LAST_SECONDS = 90
"""What is left for when the drawing ends: MP4's index moves to the front, and the file to S3."""

ANNOTATED_VIDEO = "annotated.mp4"

_UPLOAD = TransferConfig()


@dataclass(frozen=True)
class VideoAnnotation:
    """Makes annotated videos. Called again for the same job, it makes the same one and publishes no second notice.

    Attributes:
        meter: What this call has used.
    """

    s3: "S3Client"
    bucket: ResultsBucket
    ledger: Ledger
    topic: NoticesTopic
    links: ShareLinks
    share_link_days: float
    retention_days: int
    meter: Meter
    count_seconds_left: Callable[[], float]

    def annotate(self, job: Job) -> Mapping[str, Any]:
        """Draws the results of `job` over its video, puts that beside them, and publishes a notice.

        Returns `{"status": "annotated" | "failed", "reason": …}`.
        """
        try:
            size_bytes = self._make_video(job)
        except VideoNotDrawable as problem:
            return {"status": "failed", "reason": str(problem)}
        location = self.bucket.locate(_locate(job, ANNOTATED_VIDEO))
        cost_usd, job_cost_usd = self._save_cost(job, size_bytes)
        self.ledger.record(
            job.upload, job.attempt, annotated_location=location, annotation_error=None, cost_usd=job_cost_usd
        )
        self._publish_once(job, location, cost_usd, job_cost_usd)
        return {"status": "annotated", "reason": None}

    def _make_video(self, job: Job) -> int:
        """Puts the annotated video beside the results, and returns its bytes. Raises VideoNotDrawable."""
        if job.upload.size_bytes > VIDEO_MAX_BYTES:
            raise VideoNotDrawable(f"Videos above {VIDEO_MAX_BYTES / 1024**3:.0f} GiB are not drawn on.")
        with scratch_folder(Path(tempfile.gettempdir(), "annotation")) as folder:
            video, results, annotated = (folder / name for name in ("video", "results.json", ANNOTATED_VIDEO))
            self._download(job.upload.location, video, "The video has been deleted.")
            location = {"Bucket": self.bucket.name, "Key": _locate(job, "results.json")}
            self._download(location, results, "There are no results.")
            samples = read_samples(results, [model.model_id for model in job.options.models])
            frames = draw_video(video, samples, annotated, self._watch)
            size_bytes = annotated.stat().st_size
            logger.info("The video is drawn.", frames=frames, bytes=size_bytes)
            self.s3.upload_file(
                str(annotated),
                self.bucket.name,
                _locate(job, ANNOTATED_VIDEO),
                ExtraArgs={"ContentType": "video/mp4"},
                Config=_UPLOAD,
            )
        return size_bytes

    def _save_cost(self, job: Job, size_bytes: int) -> tuple[float, float]:
        """Adds to the summary what the annotated video cost, and returns that and what the whole job cost, in USD."""
        usage = measure_annotation(
            gigabyte_seconds=self.meter.gigabyte_seconds,
            s3_writes=_count_requests(size_bytes) + 1,
            stored_bytes=size_bytes,
            retention_days=self.retention_days,
        )
        cost = compose_cost(usage)
        summary = (self.bucket.read_json(_locate(job, "summary.json")) or {}) | {"annotation_cost": cost}
        self.bucket.save_json(_locate(job, "summary.json"), summary)
        return cost["total_usd"], add_costs({name: summary[name] for name in COSTS if name in summary})

    def _download(self, location: Mapping[str, str], path: Path, missing: str) -> None:
        bucket, key, version = location["Bucket"], location["Key"], location.get("VersionId")
        try:
            self.s3.download_file(bucket, key, str(path), ExtraArgs={"VersionId": version} if version else None)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchVersion"):
                raise VideoNotDrawable(missing) from None
            raise

    def _watch(self, share: float) -> None:
        if self.count_seconds_left() < LAST_SECONDS:
            raise VideoNotDrawable(
                f"The video is too long for the time that a function has: {share:.0%} of it was done. "
                "videoinfer annotate makes it on a machine of your own, of results.json and the video."
            )

    def _publish_once(self, job: Job, location: str, cost_usd: float, job_cost_usd: float) -> None:
        item = self.ledger.read(job.upload, job.attempt) or {}
        if "annotation_notice_id" in item:
            logger.info("The notice is out already.")
            return
        shared = SharedJob(job.upload.upload_id, job.attempt)
        link = self.links.make(shared, datetime.now(UTC), self.share_link_days)
        notice = compose_annotated(
            job,
            link.locate(ANNOTATED_VIDEO),
            link.expires_at,
            location,
            cost_usd=cost_usd,
            job_cost_usd=job_cost_usd,
        )
        self.ledger.record(job.upload, job.attempt, annotation_notice_id=self.topic.publish(notice))


def _locate(job: Job, file_name: str) -> str:
    return locate_results(job.upload.key, job.job_id, file_name)


def _count_requests(size_bytes: int) -> int:
    """How many requests a file's upload takes."""
    if size_bytes < _UPLOAD.multipart_threshold:
        return 1
    return math.ceil(size_bytes / _UPLOAD.multipart_chunksize) + 2
