"""Jobs and their ledger: one DynamoDB item a job, keyed by upload and attempt, that says all there is to know of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from videojobs.errors import ChangeRefused
from videojobs.jobs.options import Options
from videojobs.jobs.states import CHANGES, Changes, JobState
from videojobs.jobs.uploads import Upload

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

VIDEO_SECONDS_MAX = 1e9
"""30 years. A later time in the results is no time of a video, and has no clock."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One upload's inference at the API: what the state machine carries from step to step. Times are ISO 8601, UTC.

    Attributes:
        start_offset: Seconds from a player's 0 to the video's first frame, from which the results count their times.
            None until the job is done, and where the API does not say it.
    """

    upload: Upload
    attempt: int
    job_id: str
    options: Options
    created_at: str
    deadline_at: str
    start_offset: float | None = None

    @classmethod
    def begin(
        cls, upload: Upload, attempt: int, job_id: str, options: Options, *, now: datetime, deadline_seconds: int
    ) -> Self:
        """The job that the API answered with `job_id` at `now`."""
        deadline = now + timedelta(seconds=deadline_seconds)
        return cls(
            upload=upload,
            attempt=attempt,
            job_id=job_id,
            options=options,
            created_at=format_time(now),
            deadline_at=format_time(deadline),
        )

    @classmethod
    def from_input(cls, data: Mapping[str, Any]) -> Self:
        """The job in a state machine's input."""
        return cls(
            upload=Upload(**data["upload"]),
            attempt=data["attempt"],
            job_id=data["job_id"],
            options=Options.parse(data["options"]),
            created_at=data["created_at"],
            deadline_at=data["deadline_at"],
            start_offset=data.get("check", {}).get("start_offset"),
        )

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """The job of an item of the ledger, which the API has answered with a `job_id`."""
        upload = Upload(
            bucket=item["bucket"],
            key=item["key"],
            size_bytes=int(item["size_bytes"]),
            etag=item["etag"],
            version_id=item.get("version_id"),
        )
        options = Options.parse(json.loads(json.dumps(item["options"], default=float)))  # DynamoDB has decimals
        start_offset = float(item["start_offset"]) if "start_offset" in item else None
        return cls(
            upload=upload,
            attempt=int(item["attempt"]),
            job_id=item["job_id"],
            options=options,
            created_at=item["created_at"],
            deadline_at=item["deadline_at"],
            start_offset=start_offset,
        )

    def to_input(self) -> dict[str, Any]:
        """The job as plain JSON, for a state machine's input."""
        return {
            "upload": asdict(self.upload),
            "attempt": self.attempt,
            "job_id": self.job_id,
            "options": self.options.to_dict(),
            "created_at": self.created_at,
            "deadline_at": self.deadline_at,
        }

    def to_values(self) -> dict[str, Any]:
        """What the API's answer adds to the ledger. Each step writes it again: the first may not have been able to."""
        values = {"job_id": self.job_id, "created_at": self.created_at, "deadline_at": self.deadline_at}
        # A step that does not know it leaves it as it is.
        return values if self.start_offset is None else {**values, "start_offset": self.start_offset}

    def place(self, time_offset: float) -> float:
        """Where a player has what the results have at `time_offset` seconds."""
        return max(0.0, time_offset + (self.start_offset or 0.0))

    @property
    def execution_name(self) -> str:
        """The same upload and attempt give the same name, and Step Functions runs a name once."""
        return name_execution(self.upload, self.attempt)

    @property
    def log_keys(self) -> dict[str, str]:
        """What every log line about this job carries."""
        return {"upload": self.upload.uri, "job_id": self.job_id, "execution": self.execution_name}

    def is_overdue(self, now: datetime) -> bool:
        return now >= datetime.fromisoformat(self.deadline_at)

    def seconds_left(self, now: datetime) -> float:
        return (datetime.fromisoformat(self.deadline_at) - now).total_seconds()

    def age_seconds(self, now: datetime) -> int:
        """At least 0, also where the clock is behind that of the machine that created it."""
        return max(0, round((now - datetime.fromisoformat(self.created_at)).total_seconds()))


def name_execution(upload: Upload, attempt: int) -> str:
    """The execution's name: at most 80 characters, as Step Functions demands."""
    return f"{upload.upload_id}-{attempt}"


def format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


class Ledger:
    """The jobs table. Nothing else writes to it."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def read(self, upload: Upload, attempt: int) -> dict[str, Any] | None:
        """A job's item, or None."""
        return self.read_item(upload.upload_id, attempt)

    def read_item(self, upload_id: str, attempt: int) -> dict[str, Any] | None:
        """A job's item by its key in the table, or None."""
        answer = self._table.get_item(Key={"upload_id": upload_id, "attempt": attempt}, ConsistentRead=True)
        return answer.get("Item")

    def record(
        self,
        upload: Upload,
        attempt: int,
        changes: Changes = CHANGES,
        /,
        *,
        status: JobState | None = None,
        **values: Any,
    ) -> None:
        """Sets `values` on a job's item, takes away those that are None, and leaves the rest of it alone.

        `recorded_at` is the time of the first of these writes: the order in which jobs are listed.

        Args:
            changes: Which states the `status` may follow.
            status: The job's new state; None leaves it as it is.

        Raises:
            ChangeRefused: The job has come to a state that the `status` may not follow, and nothing is set.
        """
        now = format_time(datetime.now(UTC))
        values = {**asdict(upload), **({"status": status} if status else {}), **values, "updated_at": now}
        aliases = {name: f"#{index}" for index, name in enumerate(values)}
        places = {name: f":{index}" for index, name in enumerate(values) if values[name] is not None}
        removed = [aliases[name] for name in values if name not in places]
        update: dict[str, Any] = {
            "Key": _key(upload, attempt),
            "UpdateExpression": "SET "
            + ", ".join(f"{aliases[name]} = {place}" for name, place in places.items())
            + ", recorded_at = if_not_exists(recorded_at, :now)"
            + (f" REMOVE {', '.join(removed)}" if removed else ""),
            "ExpressionAttributeNames": {alias: name for name, alias in aliases.items()},
            "ExpressionAttributeValues": {":now": now}
            | {place: _to_item(values[name]) for name, place in places.items()},
        }
        if status:
            alias = aliases["status"]
            before = {f":before{index}": state for index, state in enumerate(sorted(changes[status]))}
            update["ConditionExpression"] = f"attribute_not_exists({alias}) OR {alias} IN ({', '.join(before)})"
            update["ExpressionAttributeValues"] |= before
        try:
            self._table.update_item(**update)
        except ClientError as error:
            if status and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ChangeRefused(status) from None
            raise


def _key(upload: Upload, attempt: int) -> dict[str, Any]:
    return {"upload_id": upload.upload_id, "attempt": attempt}


def _to_item(value: Any) -> Any:
    """DynamoDB takes decimals for floats."""
    return json.loads(json.dumps(value), parse_float=Decimal)
