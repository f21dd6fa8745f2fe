"""The second step of a job: cuts the video into segments.

An event with `busy_until` only prepares this function (`videoengine.warming`).
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine import clients
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.metering import metered
from videoengine.planning import plan
from videoengine.settings import PlanSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
@metered("plan_job")
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:  # noqa: ARG001
    settings, job = read_settings(PlanSettings), JobSpec.from_json(event["job"])
    if "busy_until" in event:
        return run_step(job.job_id, clients.warm_up)
    return run_step(job.job_id, lambda: plan(job, settings))
