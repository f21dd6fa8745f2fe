"""From a job that failed to a notice that says why: the flow of `report_failure`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from videojobs.errors import ChangeRefused
from videojobs.jobs.ledger import Job, Ledger, format_time
from videojobs.jobs.media_outputs import MediaOutput, list_requested
from videojobs.jobs.states import OPEN_STATES, JobState
from videojobs.jobs.unanswered import Unanswered
from videojobs.logs import logger
from videojobs.notices.notices import (
    Notice,
    compose_cancellation,
    compose_failure,
    compose_late_done,
    compose_missing_output,
    compose_stored,
    mention_unanswered,
)
from videojobs.notices.sender import NoticeSender, describe_sending


@dataclass(frozen=True)
class FailureReport:
    """Reports failures. For a job whose notice has been sent, it reports only missing media outputs."""

    ledger: Ledger
    sender: NoticeSender

    def report(
        self,
        job: Job,
        status: JobState,
        reason: str,
        *,
        api_failed: bool = False,
        missing: MediaOutput | None = None,
        refused: bool = False,
    ) -> dict[str, str]:
        """Records that `job` ended as `status` for `reason`, sends the notice, and returns both.

        If a person cancelled the job, the ledger says so already, and the notice is about that. A job whose results are
        stored is done, even if the rest of its delivery failed.

        Args:
            api_failed: The API said that the job failed. Otherwise it may have the results, and the notice says how to
                get them without another bill.
            missing: The media output that could not be made. Without it, an execution ended early, so all that were
                not told are missing.
            refused: Another attempt to make `missing` gets the same answer.
        """
        item = self.ledger.read(job.upload, job.attempt) or {}
        job = job.with_answer(item)
        if not job.redelivery and "told_redelivery" in item:
            logger.info("A redelivery has been told, and reports its outputs.", status=item["status"])
            return {"status": item["status"], "reason": reason}
        if "notice_id" in item and item["status"] == "done":
            outputs = [missing] if missing else list_requested(job.options)
            return self._report_outputs(job, item, reason, outputs, refused=refused)
        if "notice_id" in item:
            logger.info("The notice has already been sent.", status=item["status"])
            return {"status": item["status"], "reason": item.get("error") or reason}
        if item.get("status") in OPEN_STATES and "results_location" in item:
            return self._report_stored(job, item, reason)
        now = datetime.now(UTC)
        try:
            self.ledger.record(
                job.upload, job.attempt, status=status, error=reason, finished_at=format_time(now), **job.to_values()
            )
        except ChangeRefused:
            item = self.ledger.read(job.upload, job.attempt) or {}
            status, reason = item["status"], item.get("error") or reason
            if "notice_id" in item:
                logger.info("The notice has been sent meanwhile.", status=status)
                return {"status": status, "reason": reason}
        age_seconds = job.age_seconds(now)
        if status == "cancelled":
            notice = compose_cancellation(job, reason, age_seconds=age_seconds)
        elif status == "done":
            notice = compose_late_done(job, reason, age_seconds=age_seconds)
        else:
            notice = compose_failure(job, reason, age_seconds=age_seconds, api_failed=api_failed)
        notice_id = self._send(job, mention_unanswered(notice, Unanswered.from_item(item)))
        self.ledger.record(job.upload, job.attempt, **describe_sending(notice_id))
        logger.info("The end without results has been reported.", status=status, reason=reason)
        if status == "done":
            return self._report_outputs(job, item, reason, list_requested(job.options))
        return {"status": status, "reason": reason}

    def _report_stored(self, job: Job, item: Mapping[str, Any], reason: str) -> dict[str, str]:
        """Reports that a job has its results, and which outputs are missing."""
        failed = {**item.get("delivery", {}).get("failed", {}), "everything else": reason}
        self.ledger.record(
            job.upload,
            job.attempt,
            status="done",
            finished_at=format_time(datetime.now(UTC)),
            failed_outputs=failed,
            delivery=None,
            error=None,
            **job.to_values(),
        )
        notice = compose_stored(job, reason, results_uri=item["results_location"], failed_outputs=failed)
        notice_id = self._send(job, mention_unanswered(notice, Unanswered.from_item(item)))
        self.ledger.record(job.upload, job.attempt, **describe_sending(notice_id))
        logger.info("The results are stored, and the failed rest of the delivery has been reported.", reason=reason)
        return self._report_outputs(job, item, reason, list_requested(job.options))

    def _report_outputs(
        self, job: Job, item: Mapping[str, Any], reason: str, outputs: Iterable[MediaOutput], *, refused: bool = False
    ) -> dict[str, str]:
        """Reports those media outputs of a job that is done which nobody has been told about."""
        for output in (output for output in outputs if output.notice_id not in item):
            self._report_missing(job, output, reason, refused=refused, kept_uri=item.get(output.location))
        return {"status": "done", "reason": reason}

    def _report_missing(
        self, job: Job, output: MediaOutput, reason: str, *, refused: bool, kept_uri: str | None
    ) -> None:
        """Reports that a job whose results are delivered lacks a media output, or keeps that of an earlier delivery."""
        missing: dict[str, Any] = {output.error: reason}
        self.ledger.record(job.upload, job.attempt, **missing)
        notice = compose_missing_output(job, output, reason, refused=refused, kept_uri=kept_uri)
        told: dict[str, Any] = {output.notice_id: self._send(job, notice)}
        self.ledger.record(job.upload, job.attempt, **told)
        logger.info("A missing output has been reported.", output=output.name, reason=reason)

    def _send(self, job: Job, notice: Notice) -> str:
        return self.sender.send(notice, job.upload, job.attempt, job.redelivery)
