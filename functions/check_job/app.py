"""check_job: one poll. The job's state is data; an exception means that the function could not find it out."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.check_job import check_job, record_check
from videojobs.connections import connect_api, open_ledger
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.logs import logger
from videojobs.metrics import measure
from videojobs.settings import CheckJobSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes the execution's state and returns its next `check`."""
    meter = Meter.start(context)
    settings = read_settings(CheckJobSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    before = event["check"]
    api = connect_api(settings)
    check = check_job(
        api,
        job,
        datetime.now(UTC),
        event["poll_seconds"],
        turn_at=before.get("turn_at"),
        refusals=before.get("refusals", 0),
    )
    polls = before["polls"] + (1 if check.asked else 0)
    if check.asked:
        check = record_check(open_ledger(settings.jobs_table), job, check, polls)
        measure("Polls")
    logger.info("The job has been checked.", **asdict(check), polls=polls)
    used = before.get("gigabyte_seconds", 0.0) + meter.gigabyte_seconds
    return {**asdict(check), "polls": polls, "gigabyte_seconds": round(used, 4)}
