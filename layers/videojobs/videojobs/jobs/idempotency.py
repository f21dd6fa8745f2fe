"""Creates one job per upload, although S3 and SQS deliver at least once: each job is billed."""

from collections.abc import Callable

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.jobs.uploads import JobRequest

REMEMBERED_SECONDS = 15 * 24 * 3600
"""Longer than the queue keeps a message (14 days)."""

type CreateJob = Callable[[JobRequest], dict[str, str]]


def create_once(create_job: CreateJob, table_name: str, context: LambdaContext) -> CreateJob:
    """Returns `create_job`, executed once for each attempt at each version of each object.

    A repeated call gets the first call's answer. While the first one runs, it raises. After a crash, a repeated call
    executes as soon as the first one would have timed out.
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
