"""The first step of a job: fetches its video and cuts it into segments."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.logs import logger
from videoengine.planning import plan
from videoengine.settings import PlanSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:  # noqa: ARG001
    settings = read_settings(PlanSettings)
    return run_step(settings.jobs_table, event["job_id"], lambda job, jobs: plan(job, jobs, settings))
