"""From a finished job to results in S3: the flow of `deliver_results`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from videojobs.api import Readable, VideoInferenceApi
from videojobs.checks import JOB_IS_UNKNOWN_STATUS_CODES
from videojobs.errors import ApiRefused, ApiUnavailable, BrokenResults, LinkExpired
from videojobs.jobs import Job, Ledger, format_time
from videojobs.logs import logger
from videojobs.notices import NoticesTopic, compose_console_url, compose_done
from videojobs.results import CountedStream, ResultsBucket, ResultsCounter, Summary, locate_results
from videojobs.share_links import SharedJob, ShareLinks


@dataclass(frozen=True)
class ResultsDelivery:
    """Delivers results. Called again for the same job, it writes the same objects and publishes no second notice."""

    api: VideoInferenceApi
    ledger: Ledger
    topic: NoticesTopic
    bucket: ResultsBucket
    links: ShareLinks
    share_link_days: float

    def deliver(self, job: Job, polls: int) -> Mapping[str, Any]:
        """Copies the results, writes the job's record beside them, and publishes the notice.

        Returns `{"status": "delivered" | "failed", "reason": …}`.

        Raises:
            ApiUnavailable, ApiRefused, LinkExpired: the results can't be had now.
        """
        results_key = locate_results(job.upload.key, job.job_id, "results.json")
        results_uri = f"s3://{self.bucket.name}/{results_key}"
        try:
            results = self._open_results(job)
        except ApiRefused as refused:
            if refused.status_code in JOB_IS_UNKNOWN_STATUS_CODES:
                return {"status": "failed", "reason": f"The API no longer knows the job: {refused.reason}"}
            raise
        stream = CountedStream(results, ResultsCounter(job.options.models))
        self.bucket.save_stream(results_key, stream)
        try:
            summary = stream.finish()
        except BrokenResults as broken:
            return {"status": "failed", "reason": f"{broken} What came is kept at {results_uri}."}
        finished_at = datetime.now(UTC)
        record = compose_record(job, summary, finished_at, polls, results_uri)
        self.bucket.save_json(locate_results(job.upload.key, job.job_id, "job.json"), record)
        self.ledger.record(
            job.upload,
            job.attempt,
            status="done",
            finished_at=record["finished_at"],
            polls=polls,
            frames=summary.frames,
            counts=record["counts"],
            results_location=results_uri,
        )
        self._publish_once(job, summary, record)
        return {"status": "delivered", "reason": None}

    def _open_results(self, job: Job) -> Readable:
        """The results behind a fresh link; a link that has expired meanwhile is renewed once."""
        try:
            return self.api.open_results(self._renew_link(job))
        except LinkExpired:
            return self.api.open_results(self._renew_link(job))

    def _renew_link(self, job: Job) -> str:
        status = self.api.check_job(job.job_id)
        if status.output_signed_url is None:
            raise ApiUnavailable(f"The API said that the job is done and now says that it is {status.state}.")
        return status.output_signed_url

    def _publish_once(self, job: Job, summary: Summary, record: Mapping[str, Any]) -> None:
        item = self.ledger.read(job.upload, job.attempt) or {}
        if "notice_id" in item:
            logger.info("The notice is out already.")
            return
        results_key = locate_results(job.upload.key, job.job_id, "results.json")
        notice = compose_done(
            job,
            summary,
            age_seconds=record["duration_seconds"],
            polls=record["polls"],
            share_link=self.links.make(_share(job), datetime.now(UTC), self.share_link_days),
            results_uri=record["results_location"],
            console_url=compose_console_url(self.topic.region, self.bucket.name, results_key),
        )
        self.ledger.record(job.upload, job.attempt, notice_id=self.topic.publish(notice))


def _share(job: Job) -> SharedJob:
    return SharedJob(job.upload.upload_id, job.attempt)


def compose_record(job: Job, summary: Summary, finished_at: datetime, polls: int, results_uri: str) -> dict[str, Any]:
    """`job.json`: what ran on which video, when, how long, and what came out."""
    return {
        "job_id": job.job_id,
        "upload": job.upload.uri,
        "version_id": job.upload.version_id,
        "attempt": job.attempt,
        **job.options.to_dict(),
        "created_at": job.created_at,
        "finished_at": format_time(finished_at),
        "duration_seconds": job.age_seconds(finished_at),
        "polls": polls,
        "frames": summary.frames,
        "failed_frames": summary.failed_frames,
        "counts": summary.counts,
        "results_location": results_uri,
    }
