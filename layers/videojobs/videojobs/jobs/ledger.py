"""Jobs and their ledger: a DynamoDB table with one item per job, keyed by upload and attempt."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from videojobs.errors import ChangeRefused
from videojobs.jobs.options import Options
from videojobs.jobs.states import CHANGES, ENDED_STATES, Changes, JobState
from videojobs.jobs.uploads import Upload
from videojobs.schema import SCHEMA_VERSION, check_version

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

VIDEO_SECONDS_MAX = 1e9
"""30 years. No video is longer, so a later time in the results is invalid."""

NOT_SENT = "not sent"
"""What is recorded as the ID of a notice that is not sent; `no_notice` then says why."""

RULES_DID_NOT_HOLD = "notify_when did not hold"
"""The value of `no_notice` for a job with results that don't meet its conditions."""

NO_PROBLEM = "Notices is problems"
"""The value of `no_notice` for an end that is not told because the stack only tells problems."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One upload's inference at the API, as the state machine passes it from step to step. Times are ISO 8601, UTC.

    Attributes:
        start_offset: Seconds from a player's 0 to the video's first frame, where the results' times begin. None until
            the job is done, or if the API does not report it.
        api_cost_usd: What the API says that the job cost, in US dollars. None until the job has ended, or if the API
            does not report it, as the hosted one doesn't.
        video_recorded_at: When the video's first frame was recorded, with its offset from UTC; None if unknown. (The
            ledger's `recorded_at` is the time of its own first write.)
        redelivery: The name of the later delivery of the job that the execution makes; None for its first one.
    """

    upload: Upload
    attempt: int
    job_id: str
    options: Options
    created_at: str
    deadline_at: str
    start_offset: float | None = None
    api_cost_usd: float | None = None
    video_recorded_at: str | None = None
    redelivery: str | None = None

    @classmethod
    def begin(
        cls,
        upload: Upload,
        attempt: int,
        job_id: str,
        options: Options,
        *,
        now: datetime,
        deadline_seconds: int,
        video_recorded_at: str | None = None,
    ) -> Self:
        """Returns the job that the API created as `job_id` at `now`."""
        return cls(
            upload=upload,
            attempt=attempt,
            job_id=job_id,
            options=options,
            created_at=format_time(now),
            deadline_at=format_time(now + timedelta(seconds=deadline_seconds)),
            video_recorded_at=video_recorded_at,
        )

    @classmethod
    def from_input(cls, data: Mapping[str, Any]) -> Self:
        """Reads the job in an execution's state.

        Raises:
            NewerSchema: A newer release started the execution.
        """
        check_version(data)
        return cls(
            upload=Upload.from_item(data["upload"]),
            attempt=data["attempt"],
            job_id=data["job_id"],
            options=Options.parse(data["options"]),
            created_at=data["created_at"],
            deadline_at=data["deadline_at"],
            start_offset=data.get("check", {}).get("start_offset"),
            video_recorded_at=data.get("video_recorded_at"),
            redelivery=data.get("redelivery"),
        )

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Reads the job in an item of the ledger that has a `job_id`.

        Raises:
            NewerSchema: A newer release wrote it.
        """
        check_version(item)
        return cls(
            upload=Upload.from_item(item),
            attempt=int(item["attempt"]),
            job_id=item["job_id"],
            options=Options.parse(json.loads(json.dumps(item["options"], default=float))),  # DynamoDB returns decimals
            created_at=item["created_at"],
            deadline_at=item["deadline_at"],
            start_offset=float(item["start_offset"]) if "start_offset" in item else None,
            api_cost_usd=float(item["api_cost_usd"]) if "api_cost_usd" in item else None,
            video_recorded_at=item.get("video_recorded_at"),
        )

    def to_input(self) -> dict[str, Any]:
        """Returns the job as plain JSON, for an execution's input."""
        return {
            "schema_version": SCHEMA_VERSION,
            "upload": asdict(self.upload),
            "attempt": self.attempt,
            "job_id": self.job_id,
            "options": self.options.to_dict(),
            "created_at": self.created_at,
            "deadline_at": self.deadline_at,
            "video_recorded_at": self.video_recorded_at,
        }

    def with_answer(self, item: Mapping[str, Any]) -> Self:
        """Returns the job with what its item of the ledger has of the API's answer, and the execution does not pass on:
        the cost, and after a redelivery that was the first to hear it, `start_offset`.
        """
        known: dict[str, Any] = {name: float(item[name]) for name in ("start_offset", "api_cost_usd") if name in item}
        if self.start_offset is not None:
            known["start_offset"] = self.start_offset
        return replace(self, **known)

    def to_values(self) -> dict[str, Any]:
        """Returns what the API's answer adds to the ledger. Each step records it again, in case one failed."""
        values = {"job_id": self.job_id, "created_at": self.created_at, "deadline_at": self.deadline_at}
        # A step that does not know these leaves them unchanged.
        known = {
            "start_offset": self.start_offset,
            "api_cost_usd": self.api_cost_usd,
            "video_recorded_at": self.video_recorded_at,
        }
        return values | {name: value for name, value in known.items() if value is not None}

    def place(self, time_offset: float) -> float:
        """Returns the player's time, in seconds, of `time_offset` in the results."""
        return max(0.0, time_offset + (self.start_offset or 0.0))

    def clock_time(self, time_offset: float) -> datetime | None:
        """Returns when the frame at `time_offset` in the results was recorded, or None if that is unknown.

        The offset from UTC is that of the first frame, even if clocks are changed during the video.
        """
        if self.video_recorded_at is None or not abs(time_offset) <= VIDEO_SECONDS_MAX:
            return None
        return datetime.fromisoformat(self.video_recorded_at) + timedelta(seconds=time_offset)

    @property
    def execution_name(self) -> str:
        """The same for the same upload and attempt: Step Functions starts only one execution of a name."""
        return name_execution(self.upload, self.attempt)

    @property
    def log_keys(self) -> dict[str, str]:
        """The keys of every log line about this job."""
        return {"upload": self.upload.uri, "job_id": self.job_id, "execution": self.execution_name}

    def is_overdue(self, now: datetime) -> bool:
        return now >= datetime.fromisoformat(self.deadline_at)

    def seconds_left(self, now: datetime) -> float:
        return (datetime.fromisoformat(self.deadline_at) - now).total_seconds()

    def age_seconds(self, now: datetime) -> int:
        """At least 0, even if this machine's clock is behind that of the one that created the job."""
        return max(0, round((now - datetime.fromisoformat(self.created_at)).total_seconds()))


def name_execution(upload: Upload, attempt: int) -> str:
    """Returns an execution's name, of at most 80 characters, which is Step Functions' limit."""
    return f"{upload.upload_id}-{attempt}"


def format_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


class Ledger:
    """The jobs table. Only this class writes to it."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def read(self, upload: Upload, attempt: int) -> dict[str, Any] | None:
        """Returns a job's item, or None.

        Raises:
            NewerSchema: A newer release wrote it.
        """
        item = self.read_item(upload.upload_id, attempt)
        check_version(item or {})
        return item

    def read_item(self, upload_id: str, attempt: int) -> dict[str, Any] | None:
        """Returns a job's item by its key in the table, or None."""
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
        """Sets `values` on a job's item, removes those that are None, and leaves its other attributes unchanged.

        `recorded_at` is the time of the first write; jobs are listed in its order. The end of a job removes `progress`.

        Args:
            changes: Which states may follow which.
            status: The job's new state; None leaves it unchanged.

        Raises:
            ChangeRefused: `status` may not follow the job's state. Nothing is set.
            NewerSchema: A newer release wrote the item. Nothing is set, so that the item keeps its version.
        """
        now = format_time(datetime.now(UTC))
        if status in ENDED_STATES:
            values["progress"] = None
        values = {**asdict(upload), **({"status": status} if status else {}), **values}
        values |= {"schema_version": SCHEMA_VERSION, "updated_at": now}
        aliases = {name: f"#{index}" for index, name in enumerate(values)}
        places = {name: f":{index}" for index, name in enumerate(values) if values[name] is not None}
        removed = [aliases[name] for name in values if name not in places]
        update: dict[str, Any] = {
            "Key": {"upload_id": upload.upload_id, "attempt": attempt},
            "UpdateExpression": "SET "
            + ", ".join(f"{aliases[name]} = {place}" for name, place in places.items())
            + ", recorded_at = if_not_exists(recorded_at, :now)"
            + (f" REMOVE {', '.join(removed)}" if removed else ""),
            "ExpressionAttributeNames": {alias: name for name, alias in aliases.items()},
            "ExpressionAttributeValues": {":now": now}
            | {place: _to_item(values[name]) for name, place in places.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        alias = aliases["schema_version"]
        conditions = [f"(attribute_not_exists({alias}) OR {alias} <= {places['schema_version']})"]
        if status:
            alias = aliases["status"]
            before = {f":before{index}": state for index, state in enumerate(sorted(changes[status]))}
            conditions.append(f"(attribute_not_exists({alias}) OR {alias} IN ({', '.join(before)}))")
            update["ExpressionAttributeValues"] |= before
        try:
            self._table.update_item(**update, ConditionExpression=" AND ".join(conditions))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            refused: Any = error.response.get("Item", {})
            check_version({name: value["N"] for name, value in refused.items() if name == "schema_version"})
            if status is None:
                raise
            raise ChangeRefused(status) from None

    def restore(self, upload: Upload, attempt: int, *, status: JobState, **values: Any) -> None:
        """Adds what is known of a job that has ended to a ledger that has lost it.

        Attributes that the item has stay as they are.

        Args:
            values: Those that are None are left out.

        Raises:
            ChangeRefused: The item has another state, is about another job of the API, or a newer release wrote it.
        """
        given = {**asdict(upload), "status": status, **values, "schema_version": SCHEMA_VERSION}
        given["updated_at"] = format_time(datetime.now(UTC))
        known = {name: value for name, value in given.items() if value is not None}
        sets = [f"#{name} = if_not_exists(#{name}, :{name})" for name in known]
        conditions = ["(attribute_not_exists(#schema_version) OR #schema_version <= :schema_version)"]
        conditions += [
            f"(attribute_not_exists(#{name}) OR #{name} = :{name})" for name in ("status", "job_id") if name in known
        ]
        try:
            self._table.update_item(
                Key={"upload_id": upload.upload_id, "attempt": attempt},
                UpdateExpression=f"SET {', '.join(sets)}",
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames={f"#{name}": name for name in known},
                ExpressionAttributeValues={f":{name}": _to_item(value) for name, value in known.items()},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ChangeRefused(status) from None
            raise


def _to_item(value: Any) -> Any:
    """Converts floats to decimals for DynamoDB."""
    return json.loads(json.dumps(value), parse_float=Decimal)
