"""Rebuilds a lost ledger from the files in the results bucket. It creates no job at the API and starts nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from videojobs.delivery_end import find_rules, list_findings
from videojobs.errors import ChangeRefused, InvalidOption, NewerSchema
from videojobs.jobs import strict_json
from videojobs.jobs.costs import add_costs, choose_costs
from videojobs.jobs.ledger import Job, Ledger
from videojobs.jobs.media_outputs import MEDIA_OUTPUTS
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
from videojobs.results.bucket import ResultsBucket, may_pass
from videojobs.s3_errors import is_denied, is_missing
from videojobs.schema import check_version

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

_UNREADABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What reading a file raises that is not one of the pipeline's."""

_ATTEMPTS_MAX = 10_000
"""More attempts at one upload are an error in its record: all those before are restored too."""

_SAMPLE = 10
"""How many jobs show whether the ledger was lost: the first ones may be newer than that."""

_NEEDED = {"status", "job_id", "options", "created_at", "deadline_at"}

UNKNOWN_END = "How this attempt ended is not known, because the ledger was lost. A later attempt has results."


@dataclass(frozen=True)
class FoundJob:
    """A job that was found in the results bucket, and what to do with it.

    Attributes:
        why: The reason if it is skipped.
        upload: None if it is skipped.
        values: The attributes of its item in the ledger.
        refusal: S3's error if the job is skipped because S3 does not give its files.
    """

    key: str
    job_id: str | None
    action: Action
    why: str | None = None
    _: KW_ONLY
    upload: Upload | None = None
    attempt: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    refusal: ClientError | None = None


def plan_rebuild(stack: PipelineStack) -> Iterator[FoundJob]:
    """Finds the jobs with results, and the attempts that must have been before theirs."""
    ledger = Ledger(stack.clients.open_table(stack.jobs_table))
    last = dict[str, FoundJob]()
    found = set[tuple[str, int]]()
    for job in _find_jobs(stack):
        if job.upload and job.attempt:
            upload_id = job.upload.upload_id
            found.add((upload_id, job.attempt))
            last[upload_id] = max(last.get(upload_id, job), job, key=lambda it: it.attempt or 0)
        yield _compare(ledger, job)
    # Commands find an upload by its first attempt.
    for upload_id, job in last.items():
        for earlier in _list_earlier_attempts(job):
            is_found = (upload_id, earlier.attempt) in found  # a dry run has not restored it
            if not is_found and ledger.read_item(upload_id, earlier.attempt or 0) is None:
                yield earlier


def find_lost_job(stack: PipelineStack) -> FoundJob | None:
    """Returns a job that a ledger which was lost lacks. It reads only the beginning of the results bucket.

    Raises:
        ClientError: S3 does not give the files, so that nothing is known.
    """
    found = list(islice(plan_rebuild(stack), _SAMPLE))
    if lost := next((job for job in found if job.action == "restore"), None):
        return lost
    if found and all(job.refusal for job in found) and (refusal := found[0].refusal):
        raise refusal
    return None


def restore(ledger: Ledger, job: FoundJob) -> FoundJob:
    """Restores a job of `plan_rebuild`. Returns it, or that it is known meanwhile, or that DynamoDB can't store it."""
    if job.action != "restore" or not job.upload or not job.attempt:
        return job
    try:
        ledger.restore(job.upload, job.attempt, **job.values)
    except ChangeRefused:
        return replace(job, action="known")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        return replace(job, action="skip", why=f"DynamoDB can't store it: {error.response['Error'].get('Message')}")
    return job


def _find_jobs(stack: PipelineStack) -> Iterator[FoundJob]:
    bucket = ResultsBucket(stack.clients.s3, stack.results_bucket)
    recorded = set[tuple[str, str]]()
    for key, _ in bucket.list_objects(RESULTS_PREFIX):
        upload_key, job_id, name = split_results_key(key)
        if name == RECORD_FILE:
            recorded.add((upload_key, job_id))
            yield _read_job(bucket, stack.clients.s3, upload_key, job_id, record_key=key)
        # S3 lists job.json first.
        elif name == RESULTS_FILE and (upload_key, job_id) not in recorded:
            yield FoundJob(upload_key, job_id, "skip", "Its results have no job.json: its delivery has not ended.")


def _read_job(bucket: ResultsBucket, s3: S3Client, key: str, job_id: str, *, record_key: str) -> FoundJob:
    try:
        record = _read_object(bucket, record_key)
        job = _read_record(s3, record, key, job_id)
        media = {it: record["outputs"][it.file_name] for it in MEDIA_OUTPUTS if it.file_name in record["outputs"]}
        values = {
            **job.to_values(),
            "status": "done",
            "options": job.options.to_dict(),
            "recorded_at": job.created_at,
            "finished_at": _check_time(record["finished_at"]),
            "polls": int(record["polls"]),
            "outputs": {name: uri for name, uri in record["outputs"].items() if uri not in media.values()},
            **_read_findings(bucket, job),
            "failed_outputs": record["failed_outputs"] or None,
            "results_location": record["results_location"],
            **{output.location: uri for output, uri in media.items()},
        }
        strict_json.check(values)
    except KeyError as missing:
        return FoundJob(key, job_id, "skip", f"Its job.json lacks {missing}.")
    except ClientError as error:
        if may_pass(error):
            raise
        refusal = error.response["Error"]
        why = f"S3 does not give its files: {refusal['Code']}: {refusal.get('Message')}"
        return FoundJob(key, job_id, "skip", why, refusal=error)
    except (*_UNREADABLE, InvalidOption, NewerSchema) as fault:
        return FoundJob(key, job_id, "skip", f"Its job.json can't be used: {fault}")
    return FoundJob(key, job_id, "restore", upload=job.upload, attempt=job.attempt, values=values)


def _read_object(bucket: ResultsBucket, key: str) -> dict[str, Any]:
    """Returns the JSON object in a file. Raises ValueError if there is none."""
    content = bucket.read_json(key)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object.")  # noqa: TRY004  its type is the file's fault, not the caller's
    return content


def _read_record(s3: S3Client, record: Mapping[str, Any], key: str, job_id: str) -> Job:
    """The job that a record is about. Raises one of `_UNREADABLE` or InvalidOption."""
    upload = _read_upload(s3, record, key, job_id)
    known = {name: value for name, value in record.items() if value is not None}
    known.setdefault("deadline_at", record["finished_at"])  # older records lack it
    job = Job.from_item({**known, **asdict(upload), "options": record})
    strict_json.check(asdict(upload))
    if not upload.bucket or not all(isinstance(it, str | None) for it in (upload.etag, upload.version_id)):
        raise ValueError("what identifies its upload is not text.")
    if not FIRST_ATTEMPT <= job.attempt <= _ATTEMPTS_MAX:
        raise ValueError(f"its attempt is {job.attempt}.")
    _check_time(job.created_at)
    _check_time(job.deadline_at)
    if job.video_recorded_at is not None:
        _check_time(job.video_recorded_at)
    if not isinstance(record["results_location"], str):
        raise ValueError("the place of its results is not text.")  # noqa: TRY004  as in _read_object
    return job


def _read_findings(bucket: ResultsBucket, job: Job) -> dict[str, Any]:
    """The item's attributes about what a job found and cost. They are unknown without a summary that can be read."""
    try:
        kept = _read_object(bucket, locate_results(job.upload.key, job.job_id, SUMMARY_FILE))
        summary = Summary.from_dict(kept["models"], kept.get("rules")) if kept["models"] else None
        costs = choose_costs(kept)
        api_cost_usd = costs.get("cost", {}).get("usd", {}).get("video_inference_api")
        findings = {
            **list_findings(job, summary, find_rules(job, summary)),
            "cost_usd": add_costs(costs) if costs else None,
            "api_cost_usd": None if api_cost_usd is None else float(api_cost_usd),
        }
        strict_json.check(findings)
    except _UNREADABLE:
        return list_findings(job, None, find_rules(job, None))
    return findings


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
    if datetime.fromisoformat(text).utcoffset() is None:
        raise ValueError(f"the time {text} has no offset from UTC.")
    return text


def _compare(ledger: Ledger, job: FoundJob) -> FoundJob:
    if not job.upload or not job.attempt:
        return job
    item = ledger.read_item(job.upload.upload_id, job.attempt) or {}
    try:
        check_version(item)
    except NewerSchema:
        return replace(job, action="known")
    is_other = any(item.get(name, job.values[name]) != job.values[name] for name in ("job_id", "status"))
    return replace(job, action="known" if is_other or item.keys() >= _NEEDED else "restore")


def _list_earlier_attempts(job: FoundJob) -> Iterator[FoundJob]:
    """The attempts before a job's, of which nothing is known."""
    created_at = job.values["created_at"]
    values = {"status": "failed", "error": UNKNOWN_END, "recorded_at": created_at, "finished_at": created_at}
    for attempt in range(FIRST_ATTEMPT, job.attempt or FIRST_ATTEMPT):
        yield replace(job, job_id=None, action="restore", attempt=attempt, values=values)
