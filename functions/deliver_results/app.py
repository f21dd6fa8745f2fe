"""deliver_results: stores the API's results in S3, derives the outputs, updates the ledger and sends the notice."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_api, connect_s3, open_ends, open_ledger, open_sender, read_share_links
from videojobs.deliver_results import ResultsDelivery
from videojobs.delivery_progress import Polling
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.jobs.waiting import Waiting, give_up
from videojobs.logs import logger
from videojobs.outputs.names import parse_outputs
from videojobs.results.bucket import ResultsBucket
from videojobs.settings import DeliverResultsSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state and returns its next `delivery`."""
    meter = Meter.start(context)
    settings = read_settings(DeliverResultsSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    try:
        delivery = deliver(build_delivery(settings, meter, context), job, event)
    except Exception as error:
        delivery = give_up(job, error, datetime.now(UTC))
    logger.info("This step of the delivery is finished.", **delivery)
    open_ends(settings.jobs_table).publish(job.upload, job.attempt)
    return {"wait_seconds": 0, "turn_at": None, "waits": 0, **delivery}


def deliver(results: ResultsDelivery, job: Job, event: Mapping[str, Any]) -> Mapping[str, Any]:
    polling, waiting = Polling.from_check(event["check"]), Waiting.from_delivery(event.get("delivery", {}))
    redelivery = event.get("redelivery")
    return results.deliver(job, polling, waiting, str(redelivery) if redelivery else None)


def build_delivery(settings: DeliverResultsSettings, meter: Meter, context: LambdaContext) -> ResultsDelivery:
    return ResultsDelivery(
        api=connect_api(settings),
        ledger=open_ledger(settings.jobs_table),
        sender=open_sender(settings),
        bucket=ResultsBucket(connect_s3(), settings.results_bucket),
        links=read_share_links(settings.share_key_secret, settings.share_url, force_fetch=True),
        share_link_days=settings.share_link_days,
        outputs=parse_outputs(settings.outputs),
        retention_days=settings.retention_days,
        meter=meter,
        count_seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
