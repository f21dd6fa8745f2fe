"""record_annotation: records an annotated video that is in S3, and sends its notice."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_s3, open_ledger, open_sender, read_share_links
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.logs import logger
from videojobs.record_annotation import AnnotationRecord
from videojobs.results.bucket import ResultsBucket
from videojobs.settings import RecordAnnotationSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state and returns its next `annotation`."""
    meter = Meter.start(context)
    settings = read_settings(RecordAnnotationSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    drawn = event["annotation"]
    used, left_out = float(drawn["gigabyte_seconds"]), int(drawn["left_out_sounds"])
    record = build_record(settings, meter).record(job, used, left_out)
    logger.info("The annotated video has been recorded.", **record)
    return record


def build_record(settings: RecordAnnotationSettings, meter: Meter) -> AnnotationRecord:
    return AnnotationRecord(
        bucket=ResultsBucket(connect_s3(), settings.results_bucket),
        ledger=open_ledger(settings.jobs_table),
        sender=open_sender(settings),
        links=read_share_links(settings.share_key_secret, settings.share_url, force_fetch=True),
        share_link_days=settings.share_link_days,
        retention_days=settings.retention_days,
        meter=meter,
    )
