"""From a finished job to results in S3: the flow of `deliver_results`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from videojobs.api import Readable, VideoInferenceApi
from videojobs.checks import JOB_IS_UNKNOWN_STATUS_CODES
from videojobs.costs import COSTS, Costs, Meter, add_costs, compose_cost, measure_usage
from videojobs.derivation import derive
from videojobs.errors import ApiRefused, ApiUnavailable, BrokenResults, ChangeRefused, LinkExpired
from videojobs.job_states import CHANGES, REDELIVERY, Changes
from videojobs.jobs import Job, Ledger, format_time
from videojobs.logs import logger
from videojobs.notices import (
    NoticesTopic,
    compose_console_url,
    compose_done,
    mention_unanswered,
    name_for_command,
)
from videojobs.output_files import OutputFiles
from videojobs.outputs import OutputName, open_outputs
from videojobs.results import ResultsBucket, drain, locate_results
from videojobs.share_links import SharedJob, ShareLinks
from videojobs.summary import Summary
from videojobs.unanswered import Unanswered
from videojobs.waiting import NOT_YET, Waiting


@dataclass(frozen=True)
class Polling:
    """What waiting for a job took.

    Attributes:
        gigabyte_seconds: Of all polls together, and of creating the job.
    """

    polls: int
    gigabyte_seconds: float = 0.0

    @classmethod
    def from_check(cls, check: Mapping[str, Any]) -> "Polling":
        """As the state machine's `check` says."""
        return cls(check["polls"], check.get("gigabyte_seconds", 0.0))


@dataclass(frozen=True)
class ResultsDelivery:
    """Delivers results. Called again for the same job, it writes the same objects and publishes no second notice.

    Attributes:
        outputs: What is derived, besides the summary.
        meter: What this delivery has used.
    """

    api: VideoInferenceApi
    ledger: Ledger
    topic: NoticesTopic
    bucket: ResultsBucket
    links: ShareLinks
    share_link_days: float
    outputs: Sequence[OutputName]
    retention_days: int
    meter: Meter

    def deliver(self, job: Job, polling: Polling, waiting: Waiting = NOT_YET) -> Mapping[str, Any]:
        """Copies the results, derives the outputs on the way, writes records, and publishes the notice.

        Returns `{"status": "delivered" | "failed", "reason": …}`, or that it is `waiting`.

        Raises:
            ApiUnavailable, ApiRefused, LinkExpired: the results can't be had now.
        """
        try:
            results = self._open_results(job, waiting.turn_at)
        except ApiUnavailable as unavailable:
            return waiting.put_off(unavailable)
        except ApiRefused as refused:
            if refused.status_code in JOB_IS_UNKNOWN_STATUS_CODES:
                return {"status": "failed", "reason": f"The API no longer knows the job: {refused.reason}"}
            raise
        copy = self.bucket.write(_locate(job, "results.json"), "application/json")
        pieces = self.bucket.copy_stream(results, copy)
        try:
            files, summary = self._derive(job, pieces)
        except BrokenResults as broken:
            drain(pieces)
            return {"status": "failed", "reason": f"{broken} What came is kept at {copy.uri}."}
        usage = measure_usage(
            polls=polling.polls,
            gigabyte_seconds=polling.gigabyte_seconds + self.meter.gigabyte_seconds,
            s3_writes=copy.requests + files.requests + 2,
            stored_bytes=copy.size_bytes + files.size_bytes,
            retention_days=self.retention_days,
        )
        costs = {"cost": compose_cost(usage)}
        finished_at = datetime.now(UTC).replace(microsecond=0)
        try:
            record = self._record(job, polling, summary, finished_at, costs, files)
        except ChangeRefused:
            return {"status": "failed", "reason": f"The job had ended already. Its results are at {copy.uri}."}
        self._publish_once(job, summary, record, costs)
        return {"status": "delivered", "reason": None}

    def redeliver(self, job: Job, polling: Polling, waiting: Waiting = NOT_YET) -> Mapping[str, Any]:
        """Derives the outputs of the stored results again, writes the records again, and publishes a notice.

        The API is asked only if no results are stored, because the job's delivery was given up: for the same results,
        which bills nothing. When the job finished and what it cost stay what they were.

        Returns `{"status": "delivered" | "failed", "reason": …}`, or that it is `waiting`.

        Raises:
            ApiUnavailable, ApiRefused, LinkExpired: the results can't be had now.
        """
        if not self.bucket.has(_locate(job, "results.json")) and (refusal := self._fetch(job, waiting)):
            return refusal
        item = self.ledger.read(job.upload, job.attempt) or {}
        try:
            files, summary = self._derive(job, self.bucket.read(_locate(job, "results.json")))
        except BrokenResults as broken:
            return {"status": "failed", "reason": str(broken)}
        finished_at = datetime.fromisoformat(item["finished_at"]) if "finished_at" in item else datetime.now(UTC)
        before = self.bucket.read_json(_locate(job, "summary.json")) or {}
        costs = {name: before[name] for name in COSTS if name in before}
        if "cost" not in costs:
            usage = measure_usage(
                polls=polling.polls,
                gigabyte_seconds=self.meter.gigabyte_seconds,
                s3_writes=files.requests + 2,
                stored_bytes=files.size_bytes,
                retention_days=self.retention_days,
            )
            costs["cost"] = compose_cost(usage)
        record = self._record(job, polling, summary, finished_at, costs, files, REDELIVERY)
        self._publish(job, item, summary, record, costs)
        return {"status": "delivered", "reason": None}

    def _fetch(self, job: Job, waiting: Waiting) -> Mapping[str, Any] | None:
        """Copies the results from the API, of a job that has come to its end here; returns why it can't be done."""
        try:
            self.api.turns.take("completions", waiting.turn_at)
            status = self.api.check_job(job.job_id)
        except ApiUnavailable as unavailable:
            return waiting.put_off(unavailable)
        except ApiRefused as refused:
            if refused.status_code in JOB_IS_UNKNOWN_STATUS_CODES:
                return _refuse(job, refused.reason)
            raise
        if status.state == "failed":
            return _refuse(job, status.reason or "it failed")
        if status.output_signed_url is None:
            return {"status": "failed", "reason": "The API is still running the job. Redeliver it later."}
        copy = self.bucket.write(_locate(job, "results.json"), "application/json")
        drain(self.bucket.copy_stream(self.api.open_results(status.output_signed_url), copy))
        return None

    def _derive(self, job: Job, pieces: Iterator[bytes]) -> tuple[OutputFiles, Summary]:
        """Writes the outputs. Raises BrokenResults, and then leaves none."""
        models = job.options.models
        summary = Summary(models)
        with OutputFiles(self.bucket, job, self.links.url) as files:
            outputs = open_outputs(self.outputs, job, files)
            derive(pieces, models, [summary, *outputs], lambda: self.bucket.read(_locate(job, "results.json")))
        return files, summary

    def _record(
        self,
        job: Job,
        polling: Polling,
        summary: Summary,
        finished_at: datetime,
        costs: Costs,
        files: OutputFiles,
        changes: Changes = CHANGES,
    ) -> Mapping[str, Any]:
        """Writes down what came out, beside the results and in the ledger, and returns `job.json`.

        Raises:
            ChangeRefused: The job has come to another end meanwhile.
        """
        results_uri = self.bucket.locate(_locate(job, "results.json"))
        record = compose_record(job, summary, finished_at, polling.polls, results_uri, files.locations)
        self.bucket.save_json(_locate(job, "summary.json"), compose_summary(job, summary, costs))
        self.bucket.save_json(_locate(job, "job.json"), record)
        self.ledger.record(
            job.upload,
            job.attempt,
            changes,
            status="done",
            **job.to_values(),
            finished_at=record["finished_at"],
            polls=polling.polls,
            frames=summary.frames,
            counts=record["counts"],
            results_location=results_uri,
            cost_usd=add_costs(costs),
            error=None,
            # What is to be told of the annotated video comes after this.
            annotation_error=None,
            annotation_notice_id=None,
        )
        return record

    def _open_results(self, job: Job, turn_at: float | None) -> Readable:
        """The results behind a fresh link; a link that has expired meanwhile is renewed once."""
        try:
            return self.api.open_results(self._renew_link(job, turn_at))
        except LinkExpired:
            return self.api.open_results(self._renew_link(job))

    def _renew_link(self, job: Job, turn_at: float | None = None) -> str:
        self.api.turns.take("completions", turn_at)
        status = self.api.check_job(job.job_id)
        if status.output_signed_url is None:
            raise ApiUnavailable(f"The API said that the job is done and now says that it is {status.state}.")
        return status.output_signed_url

    def _publish_once(self, job: Job, summary: Summary, record: Mapping[str, Any], costs: Costs) -> None:
        item = self.ledger.read(job.upload, job.attempt) or {}
        if "notice_id" in item:
            logger.info("The notice is out already.")
            return
        self._publish(job, item, summary, record, costs)

    def _publish(
        self, job: Job, item: Mapping[str, Any], summary: Summary, record: Mapping[str, Any], costs: Costs
    ) -> None:
        notice = compose_done(
            job,
            summary,
            age_seconds=record["duration_seconds"],
            polls=record["polls"],
            cost_usd=add_costs(costs),
            share_link=self.links.make(_share(job), datetime.now(UTC), self.share_link_days),
            results_uri=record["results_location"],
            console_url=compose_console_url(
                self.topic.partition, self.topic.region, self.bucket.name, _locate(job, "results.json")
            ),
        )
        notice = mention_unanswered(notice, Unanswered.from_item(item))
        self.ledger.record(job.upload, job.attempt, notice_id=self.topic.publish(notice))


def _locate(job: Job, file_name: str) -> str:
    return locate_results(job.upload.key, job.job_id, file_name)


def _refuse(job: Job, why: str) -> Mapping[str, Any]:
    """The answer to a redelivery that only a new job can replace."""
    retry = f"To have it inferred again, as a new job that is billed: videoinfer retry {name_for_command(job)}"
    return {"status": "failed", "reason": f"The API no longer has the job's results ({why}). {retry}"}


def _share(job: Job) -> SharedJob:
    return SharedJob(job.upload.upload_id, job.attempt)


def compose_summary(job: Job, summary: Summary, costs: Costs) -> dict[str, Any]:
    """`summary.json`: what was found when, and what it cost."""
    return {
        "job_id": job.job_id,
        "upload": job.upload.uri,
        "frames": summary.frames,
        "infer_fps": job.options.infer_fps,
        "models": {model_id: model.to_dict() for model_id, model in summary.models.items()},
        **costs,
    }


def compose_record(
    job: Job, summary: Summary, finished_at: datetime, polls: int, results_uri: str, outputs: Mapping[str, str]
) -> dict[str, Any]:
    """`job.json`: what ran on which video, when, how long, what came out, and where it is."""
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
        "outputs": outputs,
    }
