"""annotate_video: draws a job's results on its video, and does nothing else, because it decodes an untrusted file."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.annotate_video import VideoAnnotation
from videojobs.connections import connect_s3
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.logs import logger
from videojobs.settings import AnnotateVideoSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state and returns its `annotation`."""
    meter = Meter.start(context)
    settings = read_settings(AnnotateVideoSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    annotation = build_annotation(settings, meter, context).annotate(job)
    logger.info("The annotation is finished.", **annotation)
    return annotation


def build_annotation(settings: AnnotateVideoSettings, meter: Meter, context: LambdaContext) -> VideoAnnotation:
    return VideoAnnotation(
        connect_s3(),
        settings.results_bucket,
        meter,
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
