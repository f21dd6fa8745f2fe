"""Creates one job per upload, although S3 and SQS deliver at least once: each job is billed."""

from collections.abc import Callable
from typing import get_args

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext

from videojobs.jobs.states import JobState
from videojobs.jobs.uploads import JobRequest

REMEMBERED_SECONDS = 15 * 24 * 3600
"""Longer than the queue keeps a message (14 days)."""

type CreateJob = Callable[[JobRequest], dict[str, str]]


class _Forgotten(Exception):
    """Leaves the idempotent function with `answer`, so that Powertools does not remember it."""

    def __init__(self, answer: dict[str, str]) -> None:
        super().__init__()
        self.answer = answer


class AttemptTaken(Exception):
    """Another write of the same bytes has got the attempt in the meantime. The next delivery chooses another one."""


def create_once(create_job: CreateJob, table_name: str, context: LambdaContext) -> CreateJob:
    """Returns `create_job`, executed once for each attempt at each version of each object.

    A repeated call gets the first call's answer, if that is a state in the ledger: otherwise nothing was recorded, and
    the next call may find something else. While the first one runs, it raises. After a crash, a repeated call executes
    as soon as the first one would have timed out.

    Raises:
        AttemptTaken: The answer is about another write than the request.
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
        answer = create_job(request)
        if answer["status"] not in get_args(JobState):
            raise _Forgotten(answer)
        return answer

    def create_or_forget(request: JobRequest) -> dict[str, str]:
        try:
            answer: dict[str, str] = create(request=request)
        except _Forgotten as forgotten:
            return forgotten.answer
        mine = request.upload.sequencer
        if request.written_at and answer.get("sequencer", mine) != mine:
            raise AttemptTaken
        return answer

    return create_or_forget
