"""The second step of a job, run side by side: infers the frames of one segment."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.inference import infer_segment
from videoengine.logs import logger
from videoengine.settings import InferSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:  # noqa: ARG001
    settings = read_settings(InferSettings)
    return run_step(settings.jobs_table, event["job_id"], lambda job, _: infer_segment(job, event["segment"], settings))
