"""Records a media output that is in S3, and sends its notice: the flow of `record_media`.

It does not trust the function that made the output: S3 says whether it exists, and how large it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from boto3.s3.transfer import TransferConfig

from videojobs.jobs.costs import Meter, add_costs, choose_costs, compose_cost, measure_media_output
from videojobs.jobs.ledger import NOT_SENT, Job, Ledger
from videojobs.jobs.media_outputs import ANNOTATION, MediaOutput
from videojobs.logs import logger
from videojobs.notices.notices import Notice, compose_annotated, compose_dataset
from videojobs.notices.sender import NoticeSender
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.result_files import DATASET_FOLDER, RECORD_FILE, SUMMARY_FILE, locate_results
from videojobs.results.bucket import PART_BYTES, ResultsBucket

GIGABYTE_SECONDS_MAX = 900 * 10
"""The most that a function can use: 15 minutes with 10 GB."""

UPLOAD = TransferConfig()


@dataclass(frozen=True, kw_only=True)
class MediaAnswer:
    """What the function that made an output says about it.

    Attributes:
        gigabyte_seconds: What making it used.
        left_out: How many of the video's audio streams an annotated video lacks, or how many chosen frames a dataset.
    """

    gigabyte_seconds: float = 0.0
    left_out: int = 0

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> "MediaAnswer":
        """Reads the field of the execution's state. Raises ValueError for other than numbers."""
        used = min(max(0.0, float(answer["gigabyte_seconds"])), GIGABYTE_SECONDS_MAX)
        return cls(gigabyte_seconds=used, left_out=int(answer["left_out"]))


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """What is stored of an output: its size, the requests that wrote it, and the number of a dataset's pictures."""

    size_bytes: int
    requests: int
    pictures: int = 0


@dataclass(frozen=True, kw_only=True)
class MediaRecord:
    """Records media outputs. Called again for the same job, it sends no second notice."""

    bucket: ResultsBucket
    ledger: Ledger
    sender: NoticeSender
    links: ShareLinks
    share_link_days: float
    retention_days: int
    meter: Meter

    def record(self, job: Job, output: MediaOutput, answer: MediaAnswer) -> Mapping[str, Any]:
        """Records where an output of `job` is and what it cost, and sends the notice.

        Returns `{"status": "recorded" | "failed", "reason": …}`.
        """
        stored = self._measure(job, output)
        if stored is None:
            return {"status": "failed", "reason": f"The {output.title} is not in the results bucket."}
        location = self.bucket.locate(_locate(job, output.file_name))
        self._list_in_record(job, output, location)
        cost_usd, job_cost_usd = self._save_cost(job, output, stored, answer.gigabyte_seconds)
        values: dict[str, Any] = {output.location: location, output.error: None}
        self.ledger.record(job.upload, job.attempt, **values, cost_usd=job_cost_usd)
        self._publish_once(job, output, stored, answer.left_out, cost_usd=cost_usd, job_cost_usd=job_cost_usd)
        return {"status": "recorded", "reason": None}

    def _measure(self, job: Job, output: MediaOutput) -> _Stored | None:
        """Returns what S3 has of the output, or None."""
        size_bytes = self.bucket.measure(_locate(job, output.file_name))
        if size_bytes is None:
            return None
        if output is ANNOTATION:
            requests = _count_requests(size_bytes, UPLOAD.multipart_threshold, UPLOAD.multipart_chunksize)
            return _Stored(size_bytes=size_bytes, requests=requests)
        requests, pictures = _count_requests(size_bytes, PART_BYTES, PART_BYTES), 0
        for key, object_bytes in self.bucket.list_objects(_locate(job, DATASET_FOLDER)):
            size_bytes += object_bytes
            requests += _count_requests(object_bytes, PART_BYTES, PART_BYTES)
            pictures += key.endswith(".jpg")
        return _Stored(size_bytes=size_bytes, requests=requests, pictures=pictures)

    def _list_in_record(self, job: Job, output: MediaOutput, location: str) -> None:
        """Adds the output to those in `job.json`."""
        key = _locate(job, RECORD_FILE)
        record = self.bucket.read_json(key) or {}
        outputs = {**record.get("outputs", {}), output.file_name: location}
        self.bucket.save_json(key, {**record, "outputs": outputs})

    def _save_cost(
        self, job: Job, output: MediaOutput, stored: _Stored, gigabyte_seconds: float
    ) -> tuple[float, float]:
        """Adds the output's cost to the summary. Returns that and the whole job's cost, in US dollars."""
        usage = measure_media_output(
            gigabyte_seconds=gigabyte_seconds + self.meter.gigabyte_seconds,
            s3_writes=stored.requests + 2,  # for summary.json and job.json
            stored_bytes=stored.size_bytes,
            retention_days=self.retention_days,
        )
        cost = compose_cost(usage)
        key = _locate(job, SUMMARY_FILE)
        summary = (self.bucket.read_json(key) or {}) | {output.cost: cost}
        self.bucket.save_json(key, summary)
        return cost["total_usd"], add_costs(choose_costs(summary))

    def _publish_once(
        self, job: Job, output: MediaOutput, stored: _Stored, left_out: int, *, cost_usd: float, job_cost_usd: float
    ) -> None:
        item = self.ledger.read(job.upload, job.attempt) or {}
        if output.notice_id in item:
            logger.info("The notice has already been sent.")
            return
        if reason := item.get("no_notice"):
            self._record_notice(job, output, NOT_SENT)
            logger.info("No notice is sent, because the job had none.", reason=reason)
            return
        notice = self._compose(job, output, stored, left_out, cost_usd=cost_usd, job_cost_usd=job_cost_usd)
        notice_id = self.sender.send(notice, job.upload, job.attempt, job.redelivery)
        self._record_notice(job, output, notice_id)

    def _record_notice(self, job: Job, output: MediaOutput, notice_id: str) -> None:
        values: dict[str, Any] = {output.notice_id: notice_id}
        self.ledger.record(job.upload, job.attempt, **values)

    def _compose(
        self, job: Job, output: MediaOutput, stored: _Stored, left_out: int, *, cost_usd: float, job_cost_usd: float
    ) -> Notice:
        shared = SharedJob(job.upload.upload_id, job.attempt)
        link = self.links.make(shared, datetime.now(UTC), self.share_link_days)
        url, uri = link.locate(output.file_name), self.bucket.locate(_locate(job, output.file_name))
        costs = {"cost_usd": cost_usd, "job_cost_usd": job_cost_usd}
        if output is ANNOTATION:
            return compose_annotated(job, url, link.expires_at, uri, **costs, left_out_sounds=left_out)
        folder = self.bucket.locate(_locate(job, DATASET_FOLDER))
        return compose_dataset(
            job,
            url,
            link.expires_at,
            uri,
            folder_uri=folder,
            **costs,
            pictures=stored.pictures,
            left_out_frames=left_out,
        )


def _locate(job: Job, name: str) -> str:
    return locate_results(job.upload.key, job.job_id, name)


def _count_requests(size_bytes: int, multipart_threshold: int, part_bytes: int) -> int:
    """Returns how many requests the upload of a file takes."""
    if size_bytes < multipart_threshold:
        return 1
    return math.ceil(size_bytes / part_bytes) + 2
