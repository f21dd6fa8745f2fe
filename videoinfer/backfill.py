"""Creates jobs for existing videos: requests jobs for those in the uploads bucket, and copies others into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError, ParamValidationError

from videoinfer.api_videos import list_extensions
from videoinfer.aws_clients import AwsClients
from videoinfer.errors import CommandError
from videoinfer.job_requests import send_requests
from videoinfer.ledger_view import LedgerView
from videoinfer.pipeline_stack import PipelineStack
from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.commands import uri_for_command
from videojobs.jobs.intake import UploadFilter
from videojobs.jobs.stored_video import ARCHIVE_CLASSES, explain_archive
from videojobs.jobs.uploads import FIRST_ATTEMPT, JobRequest, Upload, find_extension, find_fault, is_folder_marker
from videojobs.s3_errors import is_denied, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_BATCH = 100

type Action = Literal["ask", "copy", "skip", "conflict"]
"""A conflict is left out too: the copy would replace another object."""


@dataclass(frozen=True)
class Candidate:
    """One object that was found, and what to do with it. `why` is the reason if it is left out."""

    upload: Upload
    action: Action
    why: str | None = None


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`. Raises `CommandError`."""
    if not (match := re.fullmatch(r"s3://([^/]+)/?(.*)", uri)):
        raise CommandError(f"{uri} is not an S3 URI: give one of the form s3://bucket/prefix.")
    return match[1], match[2]


def plan_backfill(stack: PipelineStack, bucket: str, prefix: str) -> Iterator[Candidate]:
    """Decides what to do with each object under `prefix`. Leaves out those that the stack ignores.

    Raises:
        CommandError: The bucket does not exist, or it can't be listed; or the stack takes videos where they lie, and
            these lie elsewhere.
    """
    clients, home = stack.clients, bucket == stack.uploads_bucket
    if stack.has_existing_bucket:
        prefix = _limit_prefix(stack, bucket, prefix)
    _check_bucket(clients, bucket)
    found = _list_versions(clients, bucket, prefix) if home else _list_objects(clients, bucket, prefix)
    uploads = UploadFilter.parse(stack.upload_extensions)
    objects = (_judge(it, stack.api_url) for it in found if uploads.takes(it.upload))
    for some in batched(objects, _BATCH, strict=False):
        news = _skip_known(stack.ledger, some) if home else _skip_present(clients, some, stack.uploads_bucket)
        yield from (_check_object(stack, candidate) for candidate in news)


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


def _limit_prefix(stack: PipelineStack, bucket: str, prefix: str) -> str:
    """The part of `prefix` that the stack may read. Raises `CommandError` if there is none."""
    place = f"s3://{stack.uploads_bucket}/{stack.uploads_prefix}"
    if bucket != stack.uploads_bucket:
        raise CommandError(
            f"The stack {stack.name} takes videos where they lie, in {place}, and copies none into that bucket. "
            "Give a prefix there, or deploy another stack for the other bucket."
        )
    if stack.uploads_prefix.startswith(prefix):
        return stack.uploads_prefix
    if not prefix.startswith(stack.uploads_prefix):
        raise CommandError(f"The stack {stack.name} may only read {place} (UploadsPrefix).")
    return prefix


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
                candidate = Candidate(_read_upload(bucket, entry, version_id), "ask")
                yield from _consider(clients, candidate, entry.get("StorageClass"))


def _list_objects(clients: AwsClients, bucket: str, prefix: str) -> Iterator[Candidate]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", ()):
            candidate = Candidate(_read_upload(bucket, entry), "copy")
            yield from _consider(clients, candidate, entry.get("StorageClass"))


def _read_upload(bucket: str, entry: Any, version_id: str | None = None) -> Upload:
    key, etag = entry["Key"], entry["ETag"].strip('"')
    return Upload(bucket=bucket, key=key, size_bytes=entry["Size"], etag=etag, version_id=version_id)


def _consider(clients: AwsClients, candidate: Candidate, storage_class: str | None) -> Iterator[Candidate]:
    """The candidate, skipped if it is archived. Folder markers are left out, because they are not uploads."""
    if not is_folder_marker(candidate.upload):
        archived = _find_archive(clients, candidate.upload, storage_class)
        yield replace(candidate, action="skip", why=archived) if archived else candidate


def _judge(candidate: Candidate, api_url: str) -> Candidate:
    """The candidate, skipped if it has a fault."""
    fault = find_fault(candidate.upload, list_extensions(api_url, candidate.upload))
    return replace(candidate, action="skip", why=fault) if fault else candidate


def _check_object(stack: PipelineStack, candidate: Candidate) -> Candidate:
    """The candidate, skipped if `create_job` would reject it because of its metadata or its archive tier."""
    if candidate.why:
        return candidate
    upload = candidate.upload
    try:
        head = stack.clients.s3.head_object(**upload.location)
        archived = explain_archive(upload, head)
        stack.upload_options.resolve(upload.key, head["Metadata"])
    except (InvalidOption, InvalidParameter) as invalid:
        return replace(candidate, action="skip", why=str(invalid))
    except ClientError as error:
        if is_denied(error) or is_missing(error):  # a person who may request jobs need not be allowed to read videos
            return candidate
        raise
    return replace(candidate, action="skip", why=archived.reason) if archived else candidate


def _find_archive(clients: AwsClients, upload: Upload, storage_class: str | None) -> str | None:
    """Why an archived object can't be read, or None. S3's lists don't tell archive tiers."""
    if storage_class not in ARCHIVE_CLASSES:
        return None
    archived = explain_archive(upload, clients.s3.head_object(**upload.location))
    return archived.reason if archived else None


def _skip_known(table: LedgerView, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    keys = [{"upload_id": candidate.upload.upload_id, "attempt": FIRST_ATTEMPT} for candidate in candidates]
    known = {item["upload_id"]: item["status"] for item in table.read_all(keys)}
    for candidate in candidates:
        status = known.get(candidate.upload.upload_id)
        known_to_be = f"It already has a job, which is {status}."
        yield replace(candidate, action="skip", why=known_to_be) if status and not candidate.why else candidate


def _skip_present(clients: AwsClients, candidates: Sequence[Candidate], uploads_bucket: str) -> Iterator[Candidate]:
    for candidate in candidates:
        target = replace(candidate.upload, bucket=uploads_bucket)
        present = _find_object(clients, target) if not candidate.why else None
        yield _compare(clients, candidate, target, present) if present else candidate


def _compare(clients: AwsClients, candidate: Candidate, target: Upload, present: HeadObjectOutputTypeDef) -> Candidate:
    """The candidate, left out because the uploads bucket has an object `present` at its key, `target`."""
    upload = candidate.upload
    is_same_size = present["ContentLength"] == upload.size_bytes
    if is_same_size and present["ETag"].strip('"') == upload.etag:
        return replace(candidate, action="skip", why="The uploads bucket already has this video.")
    other = f"s3://{target.bucket}/OTHER_KEY{find_extension(upload.key).lower()}"
    copy = f"copy the video to another key: aws s3 cp {uri_for_command(upload)} {other}"
    if is_same_size and not (_is_digest(present) and _is_digest(clients.s3.head_object(**upload.location))):
        why = (
            "The uploads bucket already has an object with this key and size, but another ETag. It is the same video "
            f"if only its encryption or part size differs. If it is another one, {copy}"
        )
        return replace(candidate, action="skip", why=why)
    why = f"{target.uri} is another object than {upload.uri}, and would be replaced. To get a job, {copy}"
    return replace(candidate, action="conflict", why=why)


def _is_digest(head: HeadObjectOutputTypeDef) -> bool:
    """Whether an object's ETag is the MD5 digest of its content. A multipart upload's ETag has a hyphen.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    is_readable = head.get("ServerSideEncryption", "AES256") == "AES256" and "SSECustomerAlgorithm" not in head
    return is_readable and "-" not in head["ETag"]


def _find_object(clients: AwsClients, upload: Upload) -> HeadObjectOutputTypeDef | None:
    try:
        return clients.s3.head_object(**upload.location)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
