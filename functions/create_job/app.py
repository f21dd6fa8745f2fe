"""create_job: creates one job at the API for each upload, and starts the execution that waits for it."""

import json
import os
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs import connections
from videojobs.create_job import JobCreator
from videojobs.jobs.costs import Meter
from videojobs.jobs.idempotency import create_once
from videojobs.jobs.uploads import JobRequest
from videojobs.jobs.uploads_queue import UploadsQueue
from videojobs.logs import logger
from videojobs.settings import CreateJobSettings

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | list[dict[str, str]]:
    """Takes a batch of messages from the uploads queue, or an event of S3 that is sent to the function directly."""
    settings = connections.read_create_job_settings(os.environ)
    ends = connections.open_ends(settings.jobs_table)

    def create(request: JobRequest) -> dict[str, str]:
        answer = build_creator(settings, Meter.start(context), context).create_job(request)
        ends.publish(request.upload, request.attempt)  # a rejected upload has ended already
        return answer

    create_job = create_once(create, settings.idempotency_table, context)
    intake = connections.open_intake(settings)
    if all(record.get("eventSource") != "aws:sqs" for record in event.get("Records", ())):
        return [create_job(request) for request in intake.read(event)]
    queue = UploadsQueue(connections.connect_sqs(), settings.uploads_queue_url)

    def create_jobs(record: SQSRecord) -> None:
        with queue.postponed_on_error(record):
            for request in intake.read(json.loads(record.body)):
                create_job(request)

    return process_partial_response(event, create_jobs, processor, context)


def build_creator(settings: CreateJobSettings, meter: Meter, context: LambdaContext) -> JobCreator:
    return JobCreator(
        settings=settings,
        api=connections.connect_api(settings),
        videos=connections.connect_accepted_videos(settings),
        ledger=connections.open_ledger(settings.jobs_table),
        sender=connections.open_sender(settings),
        s3=connections.connect_s3(),
        sfn=connections.connect_sfn(),
        meter=meter,
        count_seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
