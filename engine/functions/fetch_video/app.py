"""The first step of a job: copies the video into the engine's bucket."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.fetching import fetch
from videoengine.logs import logger
from videoengine.metering import metered
from videoengine.settings import FetchSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
@metered("fetch_video")
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:  # noqa: ARG001
    settings, job_id = read_settings(FetchSettings), event["job_id"]
    return run_step(job_id, lambda: fetch(job_id, settings))
