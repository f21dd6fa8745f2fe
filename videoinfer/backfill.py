"""Creates jobs for existing videos: requests jobs for those in the uploads bucket, and copies others into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any, Literal

from botocore.exceptions import ClientError, ParamValidationError

from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.job_requests import send_requests
from videoinfer.ledger_view import LedgerView
from videoinfer.pipeline_stack import PipelineStack
from videojobs.jobs.uploads import FIRST_ATTEMPT, JobRequest, Upload, find_fault, is_folder_marker
from videojobs.s3_errors import is_denied, is_missing

_BATCH = 100

type Action = Literal["ask", "copy", "skip"]


@dataclass(frozen=True)
class Candidate:
    """One object that was found, and what to do with it. `why` is the reason if it is skipped."""

    upload: Upload
    action: Action
    why: str | None = None


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`. Raises `CommandError`."""
    if not (match := re.fullmatch(r"s3://([^/]+)/?(.*)", uri)):
        raise CommandError(f"{uri} is not an S3 URI: give one of the form s3://bucket/prefix.")
    return match[1], match[2]


def plan_backfill(stack: PipelineStack, bucket: str, prefix: str) -> Iterator[Candidate]:
    """Decides what to do with each object under `prefix`.

    Raises:
        CommandError: The bucket does not exist, or it can't be listed.
    """
    clients, home = stack.clients, bucket == stack.uploads_bucket
    _check_bucket(clients, bucket)
    objects = _list_versions(clients, bucket, prefix) if home else _list_objects(clients, bucket, prefix)
    for some in batched(objects, _BATCH, strict=False):
        yield from _skip_known(stack.ledger, some) if home else _skip_present(clients, some, stack.uploads_bucket)


def carry_out(stack: PipelineStack, candidates: Sequence[Candidate]) -> None:
    """Requests jobs for videos in the uploads bucket, and copies the others there, where S3 sends an event for each.

    A copy keeps the key, the content type and the metadata, which holds the options. S3 copies: no data passes
    through this machine.
    """
    asked = [JobRequest(candidate.upload, FIRST_ATTEMPT) for candidate in candidates if candidate.action == "ask"]
    for _ in send_requests(stack.clients.sqs, stack.uploads_queue_url, asked):
        pass
    for candidate in candidates:
        if candidate.action == "copy":
            _copy(stack.clients, candidate.upload, stack.uploads_bucket)


def _check_bucket(clients: AwsClients, bucket: str) -> None:
    """Checks the bucket first, because S3's errors don't name it."""
    try:
        clients.s3.head_bucket(Bucket=bucket)
    except ParamValidationError as error:
        raise CommandError(f"{bucket} is not a valid bucket name.") from error
    except ClientError as error:
        if is_missing(error):
            raise CommandError(f"The bucket {bucket} does not exist: `aws s3 ls` lists your buckets.") from error
        if is_denied(error):
            raise CommandError(
                f"AWS refused to list the bucket {bucket}: it belongs to another account, or your permissions "
                "lack s3:ListBucket. Ask its administrator for the permission."
            ) from error
        raise


def _copy(clients: AwsClients, upload: Upload, uploads_bucket: str) -> None:
    head = clients.s3.head_object(Bucket=upload.bucket, Key=upload.key)
    # Set explicitly, because a multipart copy would lose them.
    kept = {"Metadata": head["Metadata"], "ContentType": head["ContentType"], "MetadataDirective": "REPLACE"}
    clients.s3.copy({"Bucket": upload.bucket, "Key": upload.key}, uploads_bucket, upload.key, ExtraArgs=kept)


def _list_versions(clients: AwsClients, bucket: str, prefix: str) -> Iterator[Candidate]:
    pages = clients.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Versions", ()):
            if entry["IsLatest"]:
                # Objects from before versioning have the version id "null", which S3's events leave out.
                version_id = entry["VersionId"] if entry["VersionId"] != "null" else None
                yield from _consider(Candidate(_read_upload(bucket, entry, version_id), "ask"))


def _list_objects(clients: AwsClients, bucket: str, prefix: str) -> Iterator[Candidate]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", ()):
            yield from _consider(Candidate(_read_upload(bucket, entry), "copy"))


def _read_upload(bucket: str, entry: Any, version_id: str | None = None) -> Upload:
    key, etag = entry["Key"], entry["ETag"].strip('"')
    return Upload(bucket=bucket, key=key, size_bytes=entry["Size"], etag=etag, version_id=version_id)


def _consider(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate, skipped if it has a fault. Folder markers are left out, because they are not uploads."""
    if not is_folder_marker(candidate.upload):
        fault = find_fault(candidate.upload)
        yield replace(candidate, action="skip", why=fault) if fault else candidate


def _skip_known(table: LedgerView, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    keys = [{"upload_id": candidate.upload.upload_id, "attempt": FIRST_ATTEMPT} for candidate in candidates]
    known = {item["upload_id"]: item["status"] for item in table.read_all(keys)}
    for candidate in candidates:
        status = known.get(candidate.upload.upload_id)
        known_to_be = f"It already has a job, which is {status}."
        yield replace(candidate, action="skip", why=known_to_be) if status and not candidate.why else candidate


def _skip_present(clients: AwsClients, candidates: Sequence[Candidate], uploads_bucket: str) -> Iterator[Candidate]:
    for candidate in candidates:
        size_bytes = _find_size(clients, uploads_bucket, candidate.upload.key) if not candidate.why else None
        present = "The uploads bucket already has an object with this key and size."
        yield replace(candidate, action="skip", why=present) if size_bytes == candidate.upload.size_bytes else candidate


def _find_size(clients: AwsClients, bucket: str, key: str) -> int | None:
    try:
        return clients.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
