"""record_media: records an annotated video or a dataset that is in S3, and sends its notice."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_s3, open_ledger, open_sender, read_share_links
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.media_outputs import find_media_output
from videojobs.logs import logger
from videojobs.record_media import MediaAnswer, MediaRecord
from videojobs.results.bucket import ResultsBucket
from videojobs.settings import RecordMediaSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state with the name of the output, and returns the output's next field in the state."""
    meter = Meter.start(context)
    settings = read_settings(RecordMediaSettings, os.environ)
    state, output = event["state"], find_media_output(event["output"])
    job = Job.from_input(state)
    logger.append_keys(**job.log_keys)
    answer = MediaAnswer.parse(state[output.name])
    record = build_record(settings, meter).record(job, output, answer)
    logger.info("The output has been recorded.", output=output.name, **record)
    return record


def build_record(settings: RecordMediaSettings, meter: Meter) -> MediaRecord:
    return MediaRecord(
        bucket=ResultsBucket(connect_s3(), settings.results_bucket),
        ledger=open_ledger(settings.jobs_table),
        sender=open_sender(settings),
        links=read_share_links(settings.share_key_secret, settings.share_url, force_fetch=True),
        share_link_days=settings.share_link_days,
        retention_days=settings.retention_days,
        meter=meter,
    )
