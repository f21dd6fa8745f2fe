"""Records an annotated video that is in S3, and sends its notice: the flow of `record_annotation`.

It does not trust the function that drew the video: S3 says whether the video exists, and how large it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from boto3.s3.transfer import TransferConfig

from videojobs.jobs.costs import Meter, add_costs, choose_costs, compose_cost, measure_annotation
from videojobs.jobs.ledger import NOT_SENT, Job, Ledger
from videojobs.logs import logger
from videojobs.notices.notices import compose_annotated
from videojobs.notices.sender import NoticeSender
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.result_files import ANNOTATED_VIDEO, RECORD_FILE, SUMMARY_FILE, locate_results
from videojobs.results.bucket import ResultsBucket

GIGABYTE_SECONDS_MAX = 900 * 10
"""The most that a function can use: 15 minutes with 10 GB."""

UPLOAD = TransferConfig()


@dataclass(frozen=True, kw_only=True)
class AnnotationRecord:
    """Records annotated videos. Called again for the same job, it sends no second notice."""

    bucket: ResultsBucket
    ledger: Ledger
    sender: NoticeSender
    links: ShareLinks
    share_link_days: float
    retention_days: int
    meter: Meter

    def record(self, job: Job, gigabyte_seconds: float, left_out_sounds: int = 0) -> Mapping[str, Any]:
        """Records where the annotated video of `job` is and what it cost, and sends the notice.

        Args:
            gigabyte_seconds: What drawing it used.
            left_out_sounds: How many of the video's audio streams it lacks.

        Returns `{"status": "recorded" | "failed", "reason": …}`.
        """
        size_bytes = self.bucket.measure(locate_annotated_video(job))
        if size_bytes is None:
            return {"status": "failed", "reason": "The annotated video is not in the results bucket."}
        location = self.bucket.locate(locate_annotated_video(job))
        self._list_in_record(job, location)
        used = min(max(0.0, gigabyte_seconds), GIGABYTE_SECONDS_MAX)
        cost_usd, job_cost_usd = self._save_cost(job, size_bytes, used)
        self.ledger.record(
            job.upload, job.attempt, annotated_location=location, annotation_error=None, cost_usd=job_cost_usd
        )
        self._publish_once(job, location, cost_usd=cost_usd, job_cost_usd=job_cost_usd, left_out_sounds=left_out_sounds)
        return {"status": "recorded", "reason": None}

    def _list_in_record(self, job: Job, location: str) -> None:
        """Adds the annotated video to the outputs in `job.json`."""
        key = locate_results(job.upload.key, job.job_id, RECORD_FILE)
        record = self.bucket.read_json(key) or {}
        self.bucket.save_json(key, {**record, "outputs": {**record.get("outputs", {}), ANNOTATED_VIDEO: location}})

    def _save_cost(self, job: Job, size_bytes: int, gigabyte_seconds: float) -> tuple[float, float]:
        """Adds the annotated video's cost to the summary. Returns that and the whole job's cost, in US dollars."""
        usage = measure_annotation(
            gigabyte_seconds=gigabyte_seconds + self.meter.gigabyte_seconds,
            s3_writes=_count_requests(size_bytes) + 2,  # for summary.json and job.json
            stored_bytes=size_bytes,
            retention_days=self.retention_days,
        )
        cost = compose_cost(usage)
        key = locate_results(job.upload.key, job.job_id, SUMMARY_FILE)
        summary = (self.bucket.read_json(key) or {}) | {"annotation_cost": cost}
        self.bucket.save_json(key, summary)
        return cost["total_usd"], add_costs(choose_costs(summary))

    def _publish_once(
        self, job: Job, location: str, *, cost_usd: float, job_cost_usd: float, left_out_sounds: int
    ) -> None:
        item = self.ledger.read(job.upload, job.attempt) or {}
        if "annotation_notice_id" in item:
            logger.info("The notice has already been sent.")
            return
        if reason := item.get("no_notice"):
            self.ledger.record(job.upload, job.attempt, annotation_notice_id=NOT_SENT)
            logger.info("No notice is sent, because the job had none.", reason=reason)
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
            left_out_sounds=left_out_sounds,
        )
        notice_id = self.sender.send(notice, job.upload, job.attempt, job.redelivery)
        self.ledger.record(job.upload, job.attempt, annotation_notice_id=notice_id)


def locate_annotated_video(job: Job) -> str:
    """Returns the annotated video's key in the results bucket."""
    return locate_results(job.upload.key, job.job_id, ANNOTATED_VIDEO)


def _count_requests(size_bytes: int) -> int:
    """Returns how many requests the upload of a file takes."""
    if size_bytes < UPLOAD.multipart_threshold:
        return 1
    return math.ceil(size_bytes / UPLOAD.multipart_chunksize) + 2
