"""make_dataset: makes a dataset of a video's frames, and does nothing else, because it decodes an untrusted file."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.connections import connect_s3
from videojobs.jobs.costs import Meter
from videojobs.jobs.ledger import Job
from videojobs.logs import logger
from videojobs.make_dataset import DatasetMaking
from videojobs.settings import MakeDatasetSettings, read_settings


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Takes the execution's state and returns its `dataset`."""
    meter = Meter.start(context)
    settings = read_settings(MakeDatasetSettings, os.environ)
    job = Job.from_input(event)
    logger.append_keys(**job.log_keys)
    dataset = build_making(settings, meter, context).make(job)
    logger.info("The dataset is finished.", **dataset)
    return dataset


def build_making(settings: MakeDatasetSettings, meter: Meter, context: LambdaContext) -> DatasetMaking:
    return DatasetMaking(
        connect_s3(),
        settings.results_bucket,
        meter,
        lambda: context.get_remaining_time_in_millis() / 1000,
    )
