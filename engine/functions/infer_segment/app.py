"""The second step of a job, run side by side: infers the frames of one segment."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videoengine.inference import infer_segment
from videoengine.jobs import Job, JobsTable
from videoengine.logs import logger
from videoengine.settings import InferSettings, read_settings
from videoengine.steps import Outcome, run_step


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Outcome:  # noqa: ARG001
    settings, number = read_settings(InferSettings), event["segment"]

    def step(job: Job, jobs: JobsTable) -> None:
        infer_segment(job, number, settings)
        jobs.add_done_segment(job.job_id, number)

    return run_step(settings.jobs_table, event["job_id"], step)
