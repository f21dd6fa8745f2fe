"""From a job that can't go on to a notice that says why: the flow of `report_failure`."""

from dataclasses import dataclass
from datetime import UTC, datetime

from videojobs.jobs import Job, JobState, Ledger, format_time
from videojobs.logs import logger
from videojobs.notices import NoticesTopic, compose_cancellation, compose_failure


@dataclass(frozen=True)
class FailureReport:
    """Reports failures. Called again for a job whose end is told already, it does nothing."""

    ledger: Ledger
    topic: NoticesTopic

    def report(self, job: Job, status: JobState, reason: str) -> dict[str, str]:
        """Records that `job` ended as `status` for `reason`, publishes the notice, and returns both.

        An execution that was stopped because a person cancelled its job has that in the ledger already.
        """
        item = self.ledger.read(job.upload, job.attempt) or {}
        if "notice_id" in item:
            logger.info("The job's end is told already.", status=item["status"])
            return {"status": item["status"], "reason": item.get("error", "")}
        now = datetime.now(UTC)
        if item.get("status") == "cancelled":
            status, reason, compose = "cancelled", item["error"], compose_cancellation
        else:
            compose = compose_failure
            self.ledger.record(job.upload, job.attempt, status=status, error=reason, finished_at=format_time(now))
        notice_id = self.topic.publish(compose(job, reason, age_seconds=job.age_seconds(now)))
        self.ledger.record(job.upload, job.attempt, notice_id=notice_id)
        logger.info("The end without results is reported.", status=status, reason=reason)
        return {"status": status, "reason": reason}
