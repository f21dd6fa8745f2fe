"""S3 and SQS deliver at least once; one upload is one job, and one job is one bill."""

from collections.abc import Callable

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.jobs.uploads import JobRequest

REMEMBERED_SECONDS = 15 * 24 * 3600
"""Longer than the queue keeps a message (14 days)."""

type CreateJob = Callable[[JobRequest], dict[str, str]]


def create_once(create_job: CreateJob, table_name: str, context: LambdaContext) -> CreateJob:
    """`create_job`, done once for each attempt at each version of each object.

    A repetition gets the first answer, one that comes while the first is still at work raises, and one after a crash
    goes on as soon as the first has timed out.
    """
    config = IdempotencyConfig(
        event_key_jmespath="[upload.[bucket, key, version_id, etag], attempt]", expires_after_seconds=REMEMBERED_SECONDS
    )
    config.register_lambda_context(context)
    store = DynamoDBPersistenceLayer(table_name)

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="request", persistence_store=store, config=config
    )
    def create(*, request: JobRequest) -> dict[str, str]:
        return create_job(request)

    return lambda request: create(request=request)
