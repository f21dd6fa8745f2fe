"""The end of a delivery: the summary, the job's record, the ledger's entry, and the notice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from videojobs import __version__
from videojobs.delivery_progress import FIRST, SUMMARY, Polling, Progress
from videojobs.jobs.costs import Costs, Meter, add_costs, choose_costs, compose_cost, measure_usage
from videojobs.jobs.ledger import NOT_SENT, RULES_DID_NOT_HOLD, Job, Ledger, format_time
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
from videojobs.jobs.states import CHANGES, REDELIVERY
from videojobs.jobs.unanswered import Unanswered
from videojobs.logs import logger
from videojobs.notices.found import Found
from videojobs.notices.notices import compose_console_url, compose_done, mention_unanswered
from videojobs.notices.sender import NoticeSender, describe_sending
from videojobs.notices.share_links import SharedJob, ShareLinks
from videojobs.outputs.answers import answer_in_a_line
from videojobs.outputs.summary import Summary, cap_counts, cap_region_counts
from videojobs.result_files import RECORD_FILE, RESULTS_FILE, SUMMARY_FILE, locate_results
from videojobs.results.bucket import ResultsBucket
from videojobs.results.rules import Rules, RulesOutcome


@dataclass(frozen=True, kw_only=True)
class DeliveryEnd:
    """Ends one job's delivery.

    Attributes:
        item: The job's item in the ledger when this invocation began.
        is_redelivery: The job's deadline, end time and cost do not change, and another notice is sent.
    """

    ledger: Ledger
    sender: NoticeSender
    bucket: ResultsBucket
    links: ShareLinks
    share_link_days: float
    retention_days: int
    job: Job
    item: Mapping[str, Any]
    is_redelivery: bool

    def save_summary(self, summary: Summary) -> None:
        """Saves the summary for the invocation that ends the delivery."""
        self._save(SUMMARY_FILE, compose_summary(self.job, summary, choose_costs(self._read_summary())))

    def conclude(self, summary: Summary | None, polling: Polling, progress: Progress, meter: Meter) -> None:
        """Writes the records and sends the notice.

        Args:
            summary: None if an earlier invocation has saved it, or if it could not be made.

        Raises:
            ChangeRefused: The job has ended in another state meanwhile.
        """
        kept = self._read_summary() if self.is_redelivery or progress.invocations > 1 else {}
        if summary is None and SUMMARY not in progress.failed:
            summary = Summary.from_dict(kept["models"], kept.get("rules"))
        costs = choose_costs(kept)
        if not (self.is_redelivery and "cost" in costs):
            costs = {**costs, "cost": self._compose_cost(polling, progress, meter)}
        job, finished_at = self.job, datetime.now(UTC).replace(microsecond=0)
        if self.is_redelivery and "finished_at" in self.item:
            # A redelivery has a deadline of its own.
            job = replace(job, deadline_at=self.item.get("deadline_at", job.deadline_at))
            finished_at = datetime.fromisoformat(self.item["finished_at"])
        results_uri = self.bucket.locate(self._locate(RESULTS_FILE))
        record = compose_record(
            job, summary, finished_at=finished_at, polls=polling.polls, results_uri=results_uri, progress=progress
        )
        for output in MEDIA_OUTPUTS:
            if output.location in self.item:
                record["outputs"][output.file_name] = self.item[output.location]
        self._save(SUMMARY_FILE, compose_summary(self.job, summary, costs))
        self._save(RECORD_FILE, record)
        rules = find_rules(self.job, summary)
        self.ledger.record(
            self.job.upload,
            self.job.attempt,
            REDELIVERY if self.is_redelivery else CHANGES,
            status="done",
            **({} if self.is_redelivery else self.job.to_values()),
            finished_at=record["finished_at"],
            polls=polling.polls,
            outputs=progress.list_files(),
            **list_findings(self.job, summary, rules),
            failed_outputs=progress.failed or None,
            results_location=results_uri,
            cost_usd=add_costs(costs),
            delivery=None,
            error=None,
            # Media outputs are made again after this, and their notices are sent again.
            **dict.fromkeys(name for output in MEDIA_OUTPUTS for name in (output.error, output.notice_id)),
        )
        self._publish(summary, rules, record, costs, delivery=progress.delivery)

    def _compose_cost(self, polling: Polling, progress: Progress, meter: Meter) -> Mapping[str, Any]:
        usage = measure_usage(
            polls=polling.polls,
            gigabyte_seconds=polling.gigabyte_seconds + progress.gigabyte_seconds + meter.gigabyte_seconds,
            s3_writes=progress.requests + 2,
            stored_bytes=progress.size_bytes,
            retention_days=self.retention_days,
            further_invocations=progress.invocations - 1,
        )
        return compose_cost(usage, self.job.api_cost_usd)

    def _publish(
        self,
        summary: Summary | None,
        rules: RulesOutcome | None,
        record: Mapping[str, Any],
        costs: Costs,
        *,
        delivery: str,
    ) -> None:
        item = self.ledger.read(self.job.upload, self.job.attempt) or {}
        # Names of redeliveries are in the order of their times. A later one's notice is also that of an earlier one.
        if "notice_id" in item and (delivery == FIRST or delivery <= item.get("told_redelivery", "")):
            logger.info("The notice has already been sent.")
            return
        if rules and rules.held is False and not self.is_redelivery and not record["failed_outputs"]:
            self.ledger.record(self.job.upload, self.job.attempt, notice_id=NOT_SENT, no_notice=RULES_DID_NOT_HOLD)
            logger.info("No notice is sent: notify_when did not hold.")
            return
        shared, results_key = SharedJob(self.job.upload.upload_id, self.job.attempt), self._locate(RESULTS_FILE)
        notice = compose_done(
            self.job,
            summary,
            age_seconds=record["duration_seconds"],
            polls=record["polls"],
            cost_usd=add_costs(costs),
            share_link=self.links.make(shared, datetime.now(UTC), self.share_link_days),
            results_uri=record["results_location"],
            console_url=compose_console_url(
                self.sender.topic.partition, self.sender.topic.region, self.bucket.name, results_key
            ),
            failed_outputs=record["failed_outputs"],
            rules=rules,
        )
        notice = mention_unanswered(notice, Unanswered.from_item(item))
        notice_id = self.sender.send(notice, self.job.upload, self.job.attempt, self.job.redelivery)
        told: dict[str, Any] = {"told_redelivery": delivery} if self.is_redelivery else {}
        self.ledger.record(self.job.upload, self.job.attempt, **describe_sending(notice_id), **told)

    def _read_summary(self) -> Mapping[str, Any]:
        return self.bucket.read_json(self._locate(SUMMARY_FILE)) or {}

    def _save(self, name: str, record: Mapping[str, Any]) -> None:
        self.bucket.save_json(self._locate(name), record)

    def _locate(self, file_name: str) -> str:
        return locate_results(self.job.upload.key, self.job.job_id, file_name)


def open_rules(job: Job) -> Rules:
    """Returns the evaluation of the job's option `notify_when`."""
    return Rules(job.options.notify_when, job.options.regions, job.clock_time)


def find_rules(job: Job, summary: Summary | None) -> RulesOutcome | None:
    """Returns what came of the job's conditions, or None if it has none."""
    if not job.options.notify_when:
        return None
    if summary is None or summary.rules is None:
        return RulesOutcome.unknown(job.options.notify_when, "the summary could not be made")
    return summary.rules


def list_findings(job: Job, summary: Summary | None, rules: RulesOutcome | None) -> dict[str, Any]:
    """Returns the ledger's attributes about what was found, as far as an item has room for it."""
    counts, omitted_classes = cap_counts(summary.counts) if summary else (None, 0)
    found = Found.select(summary, rules)
    region_counts, omitted_region_counts = (
        cap_region_counts(summary.region_counts) if summary and summary.has_regions else (None, 0)
    )
    return {
        "frames": summary.frames if summary else None,
        "counts": counts,
        "omitted_classes": omitted_classes or None,
        "region_counts": region_counts,
        "omitted_region_counts": omitted_region_counts or None,
        "answer": answer_in_a_line(job, summary, rules) if summary else None,
        "found_classes": found.classes,
        "found_regions": found.regions,
        "found_rules": found.rules,
    }


def compose_summary(job: Job, summary: Summary | None, costs: Costs) -> dict[str, Any]:
    """Returns `summary.json`: what was found when, and what it cost; only the cost if there is no summary."""
    models = summary.models if summary else {}
    return {
        "job_id": job.job_id,
        "upload": job.upload.uri,
        "video_recorded_at": job.video_recorded_at,
        "frames": summary.frames if summary else None,
        "infer_fps": job.options.infer_fps,
        "models": {model_id: model.to_dict() for model_id, model in models.items()},
        **({"rules": summary.rules.to_dict()} if summary and summary.rules else {}),
        **costs,
    }


def compose_record(
    job: Job, summary: Summary | None, *, finished_at: datetime, polls: int, results_uri: str, progress: Progress
) -> dict[str, Any]:
    """Returns `job.json`: the video, the options, times, counts, where the outputs are, and why others are missing.

    If the ledger is lost, `videoinfer rebuild-ledger` makes the job's item from it.
    """
    return {
        "videoinfer_version": __version__,
        "job_id": job.job_id,
        "upload": job.upload.uri,
        **{name: getattr(job.upload, name) for name in ("version_id", "etag", "sequencer", "size_bytes")},
        "attempt": job.attempt,
        **job.options.to_dict(),
        "created_at": job.created_at,
        "deadline_at": job.deadline_at,
        "finished_at": format_time(finished_at),
        "duration_seconds": job.age_seconds(finished_at),
        "start_offset": job.start_offset,
        "video_recorded_at": job.video_recorded_at,
        "polls": polls,
        "frames": summary.frames if summary else None,
        "failed_frames": summary.failed_frames if summary else None,
        "counts": summary.counts if summary else None,
        "results_location": results_uri,
        "outputs": progress.list_files(),
        "failed_outputs": dict(progress.failed),
    }
