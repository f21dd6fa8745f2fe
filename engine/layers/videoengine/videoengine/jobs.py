"""The records of jobs in DynamoDB."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Self, cast

from videoengine.job_requests import ModelRequest
from videoengine.job_spec import JobSpec
from videoengine.schema import SCHEMA_VERSION, check_version, select_known

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


_DAY_SECONDS = 86_400


class JobStatus(IntEnum):
    """The status of a job, with the API's numbers."""

    DONE = 0
    RUNNING = 1
    FAILED = 2


@dataclass(frozen=True)
class Job:
    """A job's record.

    Attributes:
        infer_fps: frames to infer per second.
        video_key: key of the video in the videos bucket, which may not be fetched yet.
        input_url: where to fetch the video from. None for an upload, and after the fetch, because its query may be a
            secret.
        created_at: seconds since the epoch.
        key_digest: the digest of the API key that made it; None in the records of older releases.
        request_digest: `digest_request` of its request, if that had an `Idempotency-Key`.
        infer_seconds: estimated work of all models for one frame; None in the records of older releases.
        error: why a failed job failed.
        note: a remark about the video for its owner; may be empty. None until the job is planned.
        start_offset: seconds from a player's 0 to the first frame; None until the job is planned.
        segments: number of segments; None until the job is planned.
        segments_done: number of inferred segments.
        cost_usd: cost of all that is recorded so far, in US dollars; None until something is.
    """

    job_id: str
    infer_fps: Fraction
    models: tuple[ModelRequest, ...]
    video_key: str
    input_url: str | None
    created_at: int
    key_digest: str | None = None
    request_digest: str | None = None
    infer_seconds: float | None = None
    status: JobStatus = JobStatus.RUNNING
    error: str | None = None
    note: str | None = None
    start_offset: float | None = None
    segments: int | None = None
    segments_done: int = 0
    cost_usd: float | None = None

    @property
    def spec(self) -> JobSpec:
        """The input of the job's steps."""
        return JobSpec(self.job_id, self.infer_fps, self.models, self.video_key, self.infer_seconds)

    @property
    def progress(self) -> int | None:
        """Percentage of inferred segments, rounded down; None until the job is planned."""
        return 100 * self.segments_done // self.segments if self.segments else None

    def has_expired(self, now: float, retention_days: int) -> bool:
        """Returns whether its video and results are deleted. DynamoDB may delete the record days later.

        Args:
            now: seconds since the epoch.
        """
        return self.created_at + retention_days * _DAY_SECONDS < now

    @classmethod
    def from_item(cls, item: dict[str, "AttributeValueTypeDef"]) -> Self:
        """Reads an item of the table.

        Raises:
            NewerSchema: a newer release wrote it.
        """
        check_version(item["schema_version"]["N"] if "schema_version" in item else 1)
        return cls(
            job_id=item["job_id"]["S"],
            infer_fps=Fraction(item["infer_fps"]["S"]),
            models=tuple(ModelRequest(**select_known(ModelRequest, it)) for it in json.loads(item["models"]["S"])),
            video_key=item["video_key"]["S"],
            input_url=item["input_url"]["S"] if "input_url" in item else None,
            created_at=int(item["created_at"]["N"]),
            key_digest=item["key_digest"]["S"] if "key_digest" in item else None,
            request_digest=item["request_digest"]["S"] if "request_digest" in item else None,
            infer_seconds=float(item["infer_seconds"]["N"]) if "infer_seconds" in item else None,
            status=JobStatus(int(item["status"]["N"])),
            error=item["error"]["S"] if "error" in item else None,
            note=item["note"]["S"] if "note" in item else None,
            start_offset=float(item["start_offset"]["N"]) if "start_offset" in item else None,
            segments=int(item["segments"]["N"]) if "segments" in item else None,
            segments_done=len(item["segments_done"]["NS"]) if "segments_done" in item else 0,
            cost_usd=float(item["cost_usd"]["N"]) if "cost_usd" in item else None,
        )


class JobsTable:
    """The table of job records. A record expires together with the job's video and results.

    The state machine writes the state of a job, because the functions that decode its video must not reach the table.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def put(self, job: Job, retention_days: int) -> Job:
        """Writes a new record. Returns it, or the one that this job already has, unless that has expired."""
        item: dict[str, AttributeValueTypeDef] = {
            "job_id": {"S": job.job_id},
            "schema_version": {"N": str(SCHEMA_VERSION)},
            "status": {"N": str(int(job.status))},
            "infer_fps": {"S": str(job.infer_fps)},
            "models": {"S": json.dumps([asdict(model) for model in job.models])},
            "video_key": {"S": job.video_key},
            "created_at": {"N": str(job.created_at)},
            "expires_at": {"N": str(job.created_at + retention_days * _DAY_SECONDS)},
        }
        texts = {
            "input_url": job.input_url,
            "key_digest": job.key_digest,
            "request_digest": job.request_digest,
        }
        item |= {name: {"S": text} for name, text in texts.items() if text}
        if job.infer_seconds is not None:
            item["infer_seconds"] = {"N": str(job.infer_seconds)}
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=item,
                ConditionExpression="attribute_not_exists(job_id) OR expires_at < :now",
                ExpressionAttributeValues={":now": {"N": str(job.created_at)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            return Job.from_item(cast("dict[str, AttributeValueTypeDef]", error.response.get("Item")))
        return job

    def get(self, job_id: str) -> Job | None:
        """Reads a record; None if there is none."""
        item = self._client.get_item(
            TableName=self._table_name, Key={"job_id": {"S": job_id}}, ConsistentRead=True
        ).get("Item")
        return Job.from_item(item) if item else None

    def remember_poll(self, job_id: str, now: int, interval_seconds: int) -> int:
        """Records a poll of a job, unless the last recorded one is less than `interval_seconds` ago.

        Of several polls at the same time only one is recorded.

        Args:
            now: seconds since the epoch.

        Returns:
            0 if the poll is recorded, else the seconds to wait before the next try.
        """
        try:
            self._client.update_item(
                TableName=self._table_name,
                Key={"job_id": {"S": job_id}},
                UpdateExpression="SET polled_at = :now",
                ConditionExpression="attribute_exists(job_id)"
                " AND (attribute_not_exists(polled_at) OR polled_at <= :due)",
                ExpressionAttributeValues={":now": {"N": str(now)}, ":due": {"N": str(now - interval_seconds)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item = cast("dict[str, AttributeValueTypeDef]", error.response.get("Item", {}))
            # Without an item the record has just expired; the next poll will find none.
            return int(item["polled_at"]["N"]) + interval_seconds - now if item else 1
        return 0

    def fail(self, job_id: str, error: str) -> Job | None:
        """Records that a job has failed, unless it has ended. Returns its record; None if that has expired."""
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table_name,
                Key={"job_id": {"S": job_id}},
                UpdateExpression="SET #status = :failed, #error = :error, updated_at = :now REMOVE input_url",
                ConditionExpression="#status = :running",
                ExpressionAttributeNames={"#status": "status", "#error": "error"},
                ExpressionAttributeValues={
                    ":failed": {"N": str(int(JobStatus.FAILED))},
                    ":running": {"N": str(int(JobStatus.RUNNING))},
                    ":error": {"S": error},
                    ":now": {"S": _now()},
                },
            )
        return self.get(job_id)

    def forget_input_url(self, job_id: str) -> None:
        """Deletes the URL from a record. Call it when the video is in the bucket."""
        self._client.update_item(
            TableName=self._table_name,
            Key={"job_id": {"S": job_id}},
            UpdateExpression="SET updated_at = :now REMOVE input_url",
            # Never create a record: an expired one must stay deleted.
            ConditionExpression="attribute_exists(job_id)",
            ExpressionAttributeValues={":now": {"S": _now()}},
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
