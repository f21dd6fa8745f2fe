"""Rebuilds a lost ledger from the files in the results bucket. It creates no job at the API and starts nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from videojobs.delivery_end import find_rules, list_findings
from videojobs.errors import ChangeRefused, InvalidOption
from videojobs.jobs.costs import Costs, add_costs, choose_costs
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
from videojobs.jobs.options import Options
from videojobs.jobs.uploads import FIRST_ATTEMPT, Upload
from videojobs.outputs.summary import Summary
from videojobs.result_files import (
    RECORD_FILE,
    RESULTS_FILE,
    RESULTS_PREFIX,
    SUMMARY_FILE,
    locate_results,
    split_results_key,
)
from videojobs.results.bucket import ResultsBucket
from videojobs.s3_errors import is_denied, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from videoinfer.pipeline_stack import PipelineStack

type Action = Literal["restore", "known", "skip"]
"""A job is known if its item has all that commands need, or says something else."""

NOT_IN_THE_BUCKET = """\
The results bucket does not tell of
  jobs without results: failed, rejected, cancelled, waiting or running
  calls to the API that got no answer, so that a job may have been billed twice
  notices and events that were sent"""

_UNREADABLE = (TypeError, ValueError, AttributeError)

_NEEDED = {"status", "job_id", "options", "created_at", "deadline_at"}

UNKNOWN_END = "How this attempt ended is not known, because the ledger was lost. A later attempt has results."


@dataclass(frozen=True)
class FoundJob:
    """A job that was found in the results bucket, and what to do with it.

    Attributes:
        why: The reason if it is skipped.
        upload: None if it is skipped.
        values: The attributes of its item in the ledger.
    """

    key: str
    job_id: str | None
    action: Action
    why: str | None = None
    _: KW_ONLY
    upload: Upload | None = None
    attempt: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def plan_rebuild(stack: PipelineStack) -> Iterator[FoundJob]:
    """Finds the jobs with results, and the attempts that must have been before theirs."""
    ledger = Ledger(stack.clients.open_table(stack.jobs_table))
    last = dict[str, FoundJob]()
    for job in _find_jobs(stack):
        if job.upload and job.attempt and job.attempt > FIRST_ATTEMPT:
            upload_id = job.upload.upload_id
            last[upload_id] = max(last.get(upload_id, job), job, key=lambda it: it.attempt or 0)
        yield _compare(ledger, job)
    # Commands find an upload by its first attempt.
    for job in last.values():
        yield from _find_earlier_attempts(ledger, job)


def restore(ledger: Ledger, job: FoundJob) -> FoundJob:
    """Restores a job of `plan_rebuild`. Returns it, or that it is known meanwhile."""
    if job.action != "restore" or not job.upload or not job.attempt:
        return job
    try:
        ledger.restore(job.upload, job.attempt, **job.values)
    except ChangeRefused:
        return replace(job, action="known")
    return job


def _find_jobs(stack: PipelineStack) -> Iterator[FoundJob]:
    bucket = ResultsBucket(stack.clients.s3, stack.results_bucket)
    recorded = set[tuple[str, str]]()
    for key, _ in bucket.list_objects(RESULTS_PREFIX):
        upload_key, job_id, name = split_results_key(key)
        if name == RECORD_FILE:
            recorded.add((upload_key, job_id))
            yield _read_job(bucket, stack.clients.s3, upload_key, job_id)
        # S3 lists job.json first.
        elif name == RESULTS_FILE and (upload_key, job_id) not in recorded:
            yield FoundJob(upload_key, job_id, "skip", "Its results have no job.json: its delivery has not ended.")


def _read_job(bucket: ResultsBucket, s3: S3Client, key: str, job_id: str) -> FoundJob:
    try:
        record = bucket.read_json(locate_results(key, job_id, RECORD_FILE))
        summary, costs = _read_summary(bucket, key, job_id)
        job = Job(
            upload=_read_upload(s3, record, key, job_id),
            attempt=int(record["attempt"]),
            job_id=job_id,
            options=Options.parse(record),
            created_at=_check_time(record["created_at"]),
            deadline_at=record.get("deadline_at", record["finished_at"]),  # older records lack it
            start_offset=record["start_offset"],
            api_cost_usd=costs.get("cost", {}).get("usd", {}).get("video_inference_api"),
            video_recorded_at=record["video_recorded_at"],
        )
        media = {it: record["outputs"][it.file_name] for it in MEDIA_OUTPUTS if it.file_name in record["outputs"]}
        values = {
            **job.to_values(),
            "status": "done",
            "options": job.options.to_dict(),
            "recorded_at": job.created_at,
            "finished_at": _check_time(record["finished_at"]),
            "polls": record["polls"],
            "outputs": {name: uri for name, uri in record["outputs"].items() if uri not in media.values()},
            **list_findings(job, summary, find_rules(job, summary)),
            "failed_outputs": record["failed_outputs"] or None,
            "results_location": record["results_location"],
            "cost_usd": add_costs(costs) if costs else None,
            **{output.location: uri for output, uri in media.items()},
        }
    except KeyError as missing:
        return FoundJob(key, job_id, "skip", f"Its job.json lacks {missing}.")
    except (*_UNREADABLE, InvalidOption) as fault:
        return FoundJob(key, job_id, "skip", f"Its job.json can't be used: {fault}")
    return FoundJob(key, job_id, "restore", upload=job.upload, attempt=job.attempt, values=values)


def _read_summary(bucket: ResultsBucket, key: str, job_id: str) -> tuple[Summary | None, Costs]:
    """What a job found and what it cost. Both are unknown if the file is lost or of another version."""
    try:
        kept = bucket.read_json(locate_results(key, job_id, SUMMARY_FILE))
        return Summary.from_dict(kept["models"], kept.get("rules")) if kept["models"] else None, choose_costs(kept)
    except (*_UNREADABLE, KeyError):
        return None, {}


def _read_upload(s3: S3Client, record: Mapping[str, Any], key: str, job_id: str) -> Upload:
    """The upload that a record is about.

    Raises:
        ValueError: The record is about another job, or is of an older version and its video is no longer there.
    """
    bucket, _, named = record["upload"].removeprefix("s3://").partition("/")
    if (named, record["job_id"]) != (key, job_id):
        raise ValueError(f"it is about {record['job_id']} of {record['upload']}.")
    found = record if "etag" in record else _look_at_video(s3, bucket, key, record)
    return Upload.from_item({"version_id": record["version_id"], **found, "bucket": bucket, "key": key})


def _look_at_video(s3: S3Client, bucket: str, key: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ETag and the size of a job's video, which records of older versions lack."""
    version: Any = {"VersionId": record["version_id"]} if record["version_id"] else {}
    try:
        head = s3.head_object(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        if not (is_missing(error) or is_denied(error)):
            raise
        head = None
    # Without a version, another video may have replaced the job's.
    if head is None or head["LastModified"] > datetime.fromisoformat(record["created_at"]):
        raise ValueError("it is of an older version and lacks the video's ETag, and the video is gone.")
    return {"etag": head["ETag"].strip('"'), "size_bytes": head["ContentLength"]}


def _check_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _compare(ledger: Ledger, job: FoundJob) -> FoundJob:
    if not job.upload or not job.attempt:
        return job
    item = ledger.read_item(job.upload.upload_id, job.attempt) or {}
    is_other = any(item.get(name, job.values[name]) != job.values[name] for name in ("job_id", "status"))
    return replace(job, action="known" if is_other or item.keys() >= _NEEDED else "restore")


def _find_earlier_attempts(ledger: Ledger, job: FoundJob) -> Iterator[FoundJob]:
    """The attempts before a job's, of which nothing is known."""
    created_at = job.values["created_at"]
    values = {"status": "failed", "error": UNKNOWN_END, "recorded_at": created_at, "finished_at": created_at}
    for attempt in range(FIRST_ATTEMPT, job.attempt or FIRST_ATTEMPT):
        if job.upload and ledger.read_item(job.upload.upload_id, attempt) is None:
            yield replace(job, job_id=None, action="restore", attempt=attempt, values=values)
