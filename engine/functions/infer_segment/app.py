"""The third step of a job, run in parallel for its segments: infers the frames of one segment.

An event with `busy_until` only prepares this worker (`videoengine.warming`).
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.inference import infer_segment, warm_up
from videoengine.job_spec import JobSpec
from videoengine.logs import logger
from videoengine.metering import metered
from videoengine.settings import InferSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
@metered("infer_segment")
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:
    settings, job = read_settings(InferSettings), JobSpec.from_json(event["job"])
    memory_bytes = int(context.memory_limit_in_mb) * 2**20
    if "busy_until" in event:
        return run_step(job.job_id, lambda: warm_up(job, event["busy_until"], settings, memory_bytes))
    return run_step(job.job_id, lambda: infer_segment(job, event["segment"], settings, memory_bytes))
