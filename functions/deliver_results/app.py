"""deliver_results: the API's results go to S3 unchanged, what they say into the ledger and a notice."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_api, connect_s3, open_ledger, open_topic, read_share_links
from videojobs.delivery import ResultsDelivery
from videojobs.jobs import Job
from videojobs.logs import logger
from videojobs.results import ResultsBucket
from videojobs.settings import DeliverResultsSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:  # noqa: ARG001
    """Takes the execution's state and returns what becomes its `delivery`."""
    settings = read_settings(DeliverResultsSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    delivery = build_delivery(settings).deliver(job, event["check"]["polls"])
    logger.info("The results are dealt with.", **delivery)
    return delivery


def build_delivery(settings: DeliverResultsSettings) -> ResultsDelivery:
    return ResultsDelivery(
        connect_api(settings.api_url, settings.api_key_secret),
        open_ledger(settings.jobs_table),
        open_topic(settings.notices_topic_arn),
        ResultsBucket(connect_s3(), settings.results_bucket),
        read_share_links(settings.share_key_secret, settings.share_url, anew=True),
        settings.share_link_days,
    )
