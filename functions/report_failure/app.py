"""report_failure: records the end of a job that will have no results, and sends its notice, once."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import open_ends, open_ledger, open_sender
from videojobs.jobs.ledger import Job
from videojobs.jobs.workflow import (
    find_outcome,
    find_reason,
    has_api_failed,
    is_refused,
    read_execution_event,
    read_missing_output,
)
from videojobs.logs import logger
from videojobs.report_failure import FailureReport
from videojobs.settings import ReportFailureSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:  # noqa: ARG001
    """Takes the execution's state, the same with the name of a missing output, or the queued event of an execution that
    failed, timed out or was aborted.
    """
    settings = read_settings(ReportFailureSettings, os.environ)
    state, missing = read_execution_event(event), read_missing_output(event)
    job = Job.from_input(state)
    logger.append_keys(**job.log_keys)
    report = FailureReport(open_ledger(settings.jobs_table), open_sender(settings))
    reason = find_reason(state, missing)
    api_failed = has_api_failed(state)
    refused = missing is not None and is_refused(state, missing)
    outcome = find_outcome(state)
    answer = report.report(job, outcome, reason, api_failed=api_failed, missing=missing, refused=refused)
    open_ends(settings.jobs_table).publish(job.upload, job.attempt)
    # The ledger's reason is about the job's first end; a person who redelivers needs the reason of this failure.
    return {**answer, "reason": reason} if state.get("redelivery") else answer
