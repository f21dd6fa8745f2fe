"""Reads jobs from the ledger by state, by name and by attempt, through indexes. Nothing here scans the table."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched, islice, takewhile
from typing import TYPE_CHECKING, Any, Literal, get_args

from videoinfer.errors import CommandError, JobMissing
from videojobs.jobs.commands import HARMLESS_ID
from videojobs.jobs.states import OPEN_STATES, JobState
from videojobs.jobs.uploads import FIRST_ATTEMPT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

type Item = dict[str, Any]
"""A job's item in the ledger."""

type Selection = Literal["all", "running", "failed"]

STATES: Mapping[Selection, Sequence[JobState]] = {
    "all": get_args(JobState),
    "running": [state for state in get_args(JobState) if state in OPEN_STATES],
    "failed": ["failed", "overdue", "rejected"],
}

_BATCH = 100
"""Maximum items in one DynamoDB call."""


NEWEST = 500
"""Among how many jobs the beginning of an id is looked up."""

SHORT_NAME_MIN, SHORT_NAME_MAX = 4, 8
"""Characters of an id: the fewest that are looked up, and those that lists show."""


def name_job(item: Item) -> str:
    """A job's name in commands: its id or, without a plain one, the name of its execution."""
    job_id = str(item.get("job_id", ""))
    return job_id if HARMLESS_ID.fullmatch(job_id) else f"{item['upload_id']}-{item['attempt']}"


def shorten_name(item: Item) -> str:
    """A job's name in lists: the beginning of its id or, without one, of its upload's digest."""
    return str(item.get("job_id") or item["upload_id"].rpartition("-")[2])[:SHORT_NAME_MAX]


def _begins_with(item: Item, name: str) -> bool:
    digest = item["upload_id"].rpartition("-")[2]
    return str(item.get("job_id", "")).startswith(name) or digest.startswith(name)


@dataclass(frozen=True)
class LedgerView:
    """The ledger's table and its indexes."""

    table: Table

    @property
    def _client(self) -> Any:
        """A client that takes and returns Python values."""
        return self.table.meta.client

    def list_jobs(self, selection: Selection, limit: int | None = None) -> Iterator[Item]:
        """Jobs, the newest first. "failed" means jobs that failed and were neither retried nor replaced since."""
        states = [self._query("by-status", "status", state, newest_first=True) for state in STATES[selection]]
        keys = heapq.merge(*states, key=lambda key: str(key["recorded_at"]), reverse=True)
        return islice(self._read_selected(keys, selection), limit)

    def list_unanswered(self, uploads_bucket: str, since: datetime | None = None) -> Iterator[Item]:
        """Jobs that may have been billed twice, because a call was not answered. The latest such call comes first."""
        after = since.astimezone(UTC).isoformat(timespec="seconds") if since else ""
        keys = self._query("by-unanswered", "bucket", uploads_bucket, newest_first=True)
        recent = takewhile(lambda key: str(key["unanswered_at"]) >= after, keys)
        return self.read_all(recent)

    def find_attempts(self, job: str) -> list[Item]:
        """All attempts at the upload of `job`, the latest last.

        Args:
            job: The API's job_id, an upload_id, the name of an execution, or an upload's key or S3 URI, which mean its
                latest version; or, among the newest jobs, the beginning of a job_id or of an upload_id's digest.

        Raises:
            JobMissing: There is no such job.
            CommandError: Several jobs begin like that.
        """
        for upload_id in self._find_upload_ids(job):
            if keys := list(self._query(None, "upload_id", upload_id)):
                return sorted(self._read(keys), key=lambda item: int(item["attempt"]))
        raise JobMissing(
            f"The ledger has no job {job}: `videoinfer jobs` lists all jobs. "
            "If the video was uploaded before the stack was deployed, see `videoinfer backfill --help`."
        )

    def find_job(self, job: str) -> tuple[Item, list[Item]]:
        """The attempt with that job_id or number, or else the latest one, and all attempts.

        Raises:
            JobMissing: There is no such job, or no attempt with that number.
            CommandError: Several jobs begin like that.
        """
        attempts = self.find_attempts(job)
        names = [(item.get("job_id"), f"{item['upload_id']}-{item['attempt']}") for item in attempts]
        if named := [item for item, known in zip(attempts, names, strict=True) if job in known]:
            return named[-1], attempts
        upload_id, _, number = job.rpartition("-")
        if upload_id == attempts[-1]["upload_id"] and number.isdecimal():
            raise JobMissing(
                f"{upload_id} has no attempt {number}: `videoinfer show {upload_id}` shows the latest one."
            )
        begun = [item for item in attempts if str(item.get("job_id", "")).startswith(job)]
        return (begun or attempts)[-1], attempts

    def _find_upload_ids(self, job: str) -> Iterator[str]:
        for key in self._query("by-job-id", "job_id", job):
            yield key["upload_id"]
        yield job
        yield job.rpartition("-")[0]
        bucket, _, name = job.removeprefix("s3://").partition("/") if job.startswith("s3://") else ("", "", job)
        for upload in self._list_uploads(name):
            if not bucket or upload["bucket"] == bucket:
                yield upload["upload_id"]
        yield from self._find_by_beginning(job)

    def _find_by_beginning(self, job: str) -> Iterator[str]:
        """The upload of the one job, among the newest, whose short name begins like that. `compose_row` shows them."""
        if len(job) < SHORT_NAME_MIN:
            return
        found = {item["upload_id"]: item["key"] for item in self.list_jobs("all", NEWEST) if _begins_with(item, job)}
        if len(found) > 1:
            raise CommandError(f"Several jobs begin with {job}: give more of its id. `--json` prints whole ids.")
        yield from found

    def _list_uploads(self, key: str) -> Iterator[Item]:
        """The first attempt at each upload of `key`, the newest first. A retry does not make an upload newer."""
        for found in self._query("by-key", "key", key, newest_first=True):
            if found["attempt"] == FIRST_ATTEMPT:
                yield from self._read([found])

    def _is_replaced(self, item: Item) -> bool:
        """Whether the same key was uploaded again after the upload of `item`."""
        latest = next((it for it in self._list_uploads(item["key"]) if it["bucket"] == item["bucket"]), item)
        return bool(latest["upload_id"] != item["upload_id"])

    def _read_selected(self, keys: Iterable[Item], selection: Selection) -> Iterator[Item]:
        for some in batched(keys, _BATCH, strict=False):
            items = self._read(some)
            if selection != "failed":
                yield from items
                continue
            later = [{**item, "attempt": item["attempt"] + 1} for item in items]
            tried_again = {(item["upload_id"], item["attempt"] - 1) for item in self._read(later)}
            last = (item for item in items if (item["upload_id"], item["attempt"]) not in tried_again)
            yield from (item for item in last if not self._is_replaced(item))

    def read_all(self, keys: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
        """The jobs with these keys (`upload_id`, `attempt`). Keys that the ledger lacks are left out."""
        for some in batched(keys, _BATCH, strict=False):
            yield from self._read(some)

    def _read(self, keys: Sequence[Mapping[str, Any]]) -> list[Item]:
        """The items of up to a hundred keys, in their order. Missing items are left out.

        Duplicate keys are removed, because DynamoDB refuses them. A key may come twice: an item that changes while an
        index is read moves within the index.
        """
        unique = dict.fromkeys((key["upload_id"], key["attempt"]) for key in keys if key["upload_id"])
        found: dict[tuple[str, int], Item] = {}
        name, ahead = self.table.name, [{"upload_id": upload_id, "attempt": attempt} for upload_id, attempt in unique]
        while ahead:
            answer = self._client.batch_get_item(RequestItems={name: {"Keys": ahead, "ConsistentRead": True}})
            found |= {(item["upload_id"], item["attempt"]): item for item in answer["Responses"].get(name, [])}
            ahead = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
        return [found[key] for key in unique if key in found]

    def _query(self, index: str | None, attribute: str, value: str, *, newest_first: bool = False) -> Iterator[Item]:
        """The keys of the items with that value. Pages are read as they are needed."""
        if not value:
            return
        where = {"IndexName": index} if index else {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self.table.name,
            KeyConditionExpression="#attribute = :value",
            ExpressionAttributeNames={"#attribute": attribute},
            ExpressionAttributeValues={":value": value},
            ScanIndexForward=not newest_first,
            **where,
        )
        for page in pages:
            yield from page["Items"]
