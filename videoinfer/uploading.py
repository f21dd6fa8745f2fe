"""Uploads videos to a deployed pipeline: checks them as the pipeline would, and replaces no other object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from videoinfer.api_videos import list_extensions
from videoinfer.errors import CommandError
from videoinfer.input_file import check_file
from videoinfer.pipeline_stack import PipelineStack
from videojobs.errors import InvalidOption, InvalidParameter
from videojobs.jobs.intake import UploadFilter
from videojobs.jobs.options import Options
from videojobs.jobs.sending import SENT_VIDEO_MAX_BYTES
from videojobs.jobs.uploads import Upload, find_extension, find_fault
from videojobs.s3_errors import is_denied, is_missing, is_replaced
from videojobs.video_formats import MIME_TYPES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class PlannedUpload:
    """A file, the object that it becomes, and the options of its job."""

    file: Path
    upload: Upload
    metadata: Mapping[str, str]
    options: Options


def plan_uploads(
    stack: PipelineStack, files: Sequence[Path], to: str | None, metadata: Mapping[str, str]
) -> list[PlannedUpload]:
    """Checks all files before the first one is sent.

    Args:
        to: The key, or with a slash at its end, the folder of the keys; None for the stack's UploadsPrefix.
        metadata: The options.

    Raises:
        CommandError: A file would not become a job; says why.
    """
    if to and to.startswith("s3://"):
        raise CommandError(f"--to {to} is an S3 URI: give the key alone: what follows the bucket's name.")
    if to and not to.endswith("/") and len(files) > 1:
        raise CommandError(f"{to} is the key of one video: for several, give --to a folder, {to}/")
    planned = [_plan(stack, file, to, metadata) for file in files]
    keys = [it.upload.key for it in planned]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise CommandError(f"Several files would get the key {twice[0]}: upload them to different folders, with --to.")
    return planned


def send(s3: S3Client, planned: PlannedUpload, advance: Callable[[int], None], *, replaces: bool) -> Upload:
    """Sends the file, and returns the upload, as its job will know it.

    Args:
        advance: Gets the number of bytes after each part.
        replaces: Whether the file may replace an object with its key.

    Raises:
        CommandError: Another object has the key.
    """
    upload = planned.upload
    content_type = MIME_TYPES.get(find_extension(upload.key).lower(), "binary/octet-stream")
    extra = {"Metadata": dict(planned.metadata), "ContentType": content_type}
    try:
        with planned.file.open("rb") as file, _writing(s3, replaces=replaces) as answer:
            s3.upload_fileobj(file, upload.bucket, upload.key, ExtraArgs=extra, Callback=advance)
    except ClientError as error:
        if is_replaced(error):
            raise CommandError(_explain_taken(upload)) from error
        raise
    return replace(upload, etag=answer["ETag"].strip('"'), version_id=answer.get("VersionId"))


def check_keys(s3: S3Client, planned: Sequence[PlannedUpload]) -> None:
    """Raises CommandError if an object has one of the keys, before anything is sent."""
    for it in planned:
        try:
            s3.head_object(Bucket=it.upload.bucket, Key=it.upload.key)
        except ClientError as error:
            if not (is_missing(error) or is_denied(error)):  # a person who may write need not be allowed to read
                raise
        else:
            raise CommandError(_explain_taken(it.upload))


def _plan(stack: PipelineStack, file: Path, to: str | None, metadata: Mapping[str, str]) -> PlannedUpload:
    check_file(file)
    upload = Upload(
        bucket=stack.uploads_bucket, key=_choose_key(stack, file, to), size_bytes=file.stat().st_size, etag=""
    )
    if not UploadFilter.parse(stack.upload_extensions).takes(upload):
        raise CommandError(f"{file}: the stack ignores such files (UploadExtensions is {stack.upload_extensions}).")
    if fault := find_fault(upload, list_extensions(stack.api_url, upload)):
        raise CommandError(f"{file}: {fault}")
    try:
        options = stack.upload_options.resolve(upload.key, metadata)
    except InvalidParameter as invalid:
        raise CommandError(
            f"The stack rejects uploads. {invalid} Correct {invalid.parameter}: sam deploy --guided"
        ) from None
    except InvalidOption as invalid:
        raise CommandError(str(invalid)) from invalid
    if options.input_mode == "upload" and upload.size_bytes > SENT_VIDEO_MAX_BYTES:
        raise CommandError(f"{file} is too large for the input mode upload: give --input-mode presigned.")
    return PlannedUpload(file, upload, metadata, options)


def _choose_key(stack: PipelineStack, file: Path, to: str | None) -> str:
    key = stack.uploads_prefix if to is None else to
    key = f"{key}{file.name}" if not key or key.endswith("/") else key
    try:
        key.encode()
    except UnicodeEncodeError:
        raise CommandError(
            f"The name {file.name!r} is not valid UTF-8, so it can't be a key: give another --to."
        ) from None
    if not key.startswith(stack.uploads_prefix):
        place = stack.uploads_prefix
        raise CommandError(f"The stack takes only uploads below {place} (UploadsPrefix): give --to {place}")
    return key


def _explain_taken(upload: Upload) -> str:
    return f"{upload.uri} exists, and is not replaced: give another --to, or --replace for a new version and a new job."


@contextmanager
def _writing(s3: S3Client, *, replaces: bool) -> Iterator[Mapping[str, Any]]:
    """Lets the block write an object only if none has its key, unless it may replace one. Yields S3's answer.

    boto3's transfers take no such condition, and return no answer:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    answer: dict[str, Any] = {}

    def set_condition(params: dict[str, Any], **_: object) -> None:
        if not replaces:
            params["IfNoneMatch"] = "*"

    def keep_answer(parsed: Mapping[str, Any], **_: object) -> None:
        answer.update(parsed)

    hooks: Mapping[str, Callable[..., None]] = {
        f"{event}.s3.{operation}": hook
        for operation in ("PutObject", "CompleteMultipartUpload")
        for event, hook in (("provide-client-params", set_condition), ("after-call", keep_answer))
    }
    for event, hook in hooks.items():
        s3.meta.events.register(event, hook)
    try:
        yield answer
    finally:
        for event, hook in hooks.items():
            s3.meta.events.unregister(event, hook)
