"""Requests jobs without an upload: sends messages to the uploads queue, which `create_job` handles like S3's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from videoinfer.api_videos import list_extensions
from videoinfer.errors import CommandError
from videoinfer.ledger_view import Item
from videojobs.api.accepted_videos import HOSTED_API_URL
from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.options import Options
from videojobs.jobs.stack_options import StackOptions
from videojobs.jobs.states import ENDED_STATES
from videojobs.jobs.upload_metadata import override
from videojobs.jobs.uploads import JobRequest, Upload, find_fault
from videojobs.s3_errors import is_denied, is_missing
from videojobs.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
"""Maximum messages in one SQS call."""

_REFUSALS = {
    "done": "it has its results. To run inference again, set other options: --set infer-fps=2",
    "waiting": "it is in the queue and is retried automatically, unless `videoinfer dead-letters` lists it",
}
"""Why a job is not retried, by its status."""

_NO_VERSION = "null"
"""S3's version id of objects from before versioning."""


@dataclass(frozen=True)
class RetryPlan:
    """How to retry a job: by `request`, or not at all, and then `refusal` says why.

    Attributes:
        options: What the attempt runs with; None if that is not known.
    """

    job: Item
    request: JobRequest | None
    refusal: str | None = None
    options: Options | None = None


def plan_retry(job: Item, api_url: str = HOSTED_API_URL, options: Mapping[str, str] | None = None) -> RetryPlan:
    """The attempt that follows `job`, the latest one at its upload, at the API that the stack uses now.

    Args:
        options: What is set instead of the object's metadata. Only with some is a job that has results inferred again.
    """
    upload = Upload.from_item(job)
    if fault := find_fault(upload, list_extensions(api_url, upload)):
        return RetryPlan(job, None, f"a retry does not help. {fault}")
    if job["status"] in ENDED_STATES and (job["status"] != "done" or options):
        return RetryPlan(job, JobRequest(upload, int(job["attempt"]) + 1, options=options or {}))
    return RetryPlan(job, None, _REFUSALS.get(job["status"], "it is still running. `videoinfer cancel` ends it"))


def check_upload(plan: RetryPlan, s3: S3Client, options: StackOptions) -> RetryPlan:
    """The same plan, or a refusal if `create_job` would reject the attempt because of the video in the bucket, its
    metadata or the stack's parameters.
    """
    if not plan.request:
        return plan
    found = _resolve(plan.request, s3, options)
    return RetryPlan(plan.job, None, found) if isinstance(found, str) else replace(plan, options=found)


def _resolve(request: JobRequest, s3: S3Client, options: StackOptions) -> Options | str | None:
    """What an attempt runs with; or the obstacle to it; or None if the person may not read the video."""
    upload = request.upload
    try:
        # Without a version: a delete marker may hide the upload, and a newer version may have replaced it.
        latest = s3.head_object(Bucket=upload.bucket, Key=upload.key)
    except ClientError as error:
        if is_missing(error):
            return "its video is no longer in the bucket. Upload it again"
        if is_denied(error):
            return None  # a person who may send requests need not be allowed to read videos
        raise
    is_same_version = latest.get("VersionId", _NO_VERSION) == (upload.version_id or _NO_VERSION)
    # Without versioning, other bytes may have the same version.
    if not is_same_version or (not upload.version_id and latest["ETag"].strip('"') != upload.etag):
        return (
            "a newer upload with this key has replaced its video, and has a job of its own. To run inference on the "
            "older video, upload it again, with another key to keep both"
        )
    try:
        return options.resolve(upload.key, override(latest["Metadata"], request.options))
    except InvalidParameter as invalid:
        correct = f"Correct the stack's parameter {invalid.parameter} (sam deploy --guided)"
        return f"its options can't be used. {invalid} {correct}"
    except InvalidOption as invalid:
        return (
            f"its options can't be used. {invalid} Set others with --set, upload it again with other metadata, or "
            "change the stack's parameter"
        )


def describe_plan(plan: RetryPlan) -> dict[str, Any]:
    """A plan as data for JSON."""
    request = plan.request.to_dict() if plan.request else None
    options = plan.options.to_dict() if plan.options else None
    return {"job": plan.job, "request": request, "refusal": plan.refusal, "options": options}


def send_requests(sqs: SQSClient, queue_url: str, requests: Iterable[JobRequest]) -> Iterator[JobRequest]:
    """Sends requests to the uploads queue and yields each that was sent. A request that is sent twice is one job.

    Raises:
        CommandError: SQS did not accept one of them; the message says why.
    """
    for some in batched(requests, _BATCH, strict=False):
        messages = ({"schema_version": SCHEMA_VERSION, "job_requests": [request.to_dict()]} for request in some)
        entries = [{"Id": str(index), "MessageBody": json.dumps(message)} for index, message in enumerate(messages)]
        failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])  # type: ignore[arg-type]
        lost = {int(failure["Id"]) for failure in failed}
        yield from (request for index, request in enumerate(some) if index not in lost)
        if failed:
            refused = some[min(lost)].upload.uri
            raise CommandError(
                f"SQS did not accept the request for {refused}: {failed[0].get('Message')} Run it again."
            )
