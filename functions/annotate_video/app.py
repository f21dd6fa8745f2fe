"""annotate_video: a video with its results drawn on it, for jobs that ask for one."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.annotation import VideoAnnotation
from videojobs.connections import connect_s3, open_ledger, open_topic, read_share_links
from videojobs.costs import Meter
from videojobs.jobs import Job
from videojobs.logs import logger
from videojobs.results import ResultsBucket
from videojobs.settings import AnnotateVideoSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state and returns what becomes its `annotation`."""
    meter = Meter.start(context)
    settings = read_settings(AnnotateVideoSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    annotation = build_annotation(settings, meter, context).annotate(job)
    logger.info("The annotated video is dealt with.", **annotation)
    return annotation


def build_annotation(settings: AnnotateVideoSettings, meter: Meter, context: LambdaContext) -> VideoAnnotation:
    return VideoAnnotation(
        connect_s3(),
        ResultsBucket(connect_s3(), settings.results_bucket),
        open_ledger(settings.jobs_table),
        open_topic(settings.notices_topic_arn),
        read_share_links(settings.share_key_secret, settings.share_url, anew=True),
        settings.share_link_days,
        settings.retention_days,
        meter,
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
