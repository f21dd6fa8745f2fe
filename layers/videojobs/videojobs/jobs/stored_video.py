"""An upload's object in S3, which may have been deleted, replaced or archived since S3's event about it."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from videojobs.foreign_text import word_for_command
from videojobs.jobs.remedies import suggest_upload
from videojobs.jobs.uploads import Rejection, Upload
from videojobs.s3_errors import is_denied, is_missing, is_out_of_range, is_replaced

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

ARCHIVE_CLASSES = ("GLACIER", "DEEP_ARCHIVE")
"""S3 Glacier Flexible Retrieval and Deep Archive. Objects in GLACIER_IR (Instant Retrieval) can be read at once."""

_RESTORED_DAYS = 7


class VideoUnreadable(Exception):
    """The upload can't become a job. `rejection` says why."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class VideoReplaced(VideoUnreadable):
    """In a bucket without versioning, other bytes have replaced the upload. S3 sends an event about those."""


@dataclass(frozen=True)
class StoredVideo:
    """Reads an upload's object. All methods raise VideoUnreadable if it is not readable any more, or not yet."""

    s3: "S3Client"
    upload: Upload

    def read_head(self) -> "HeadObjectOutputTypeDef":
        """Returns S3's answer to HeadObject. Its `Metadata` has names without `x-amz-meta-`.

        Raises:
            VideoUnreadable: Also for a version behind a delete marker: a person has deleted the upload.
        """
        upload = self.upload
        if upload.version_id:
            self._head({"Bucket": upload.bucket, "Key": upload.key})
        head = self._head(upload.location)
        if not upload.version_id and head["ETag"].strip('"') != upload.etag:
            raise self._replaced()
        if archived := explain_archive(upload, head):
            raise VideoUnreadable(archived)
        return head

    def _head(self, location: Mapping[str, Any]) -> "HeadObjectOutputTypeDef":
        try:
            return self.s3.head_object(**location)
        except self.s3.exceptions.ClientError as error:
            raise self._translate(error, location.get("VersionId")) from None

    def read_range(self, start: int, length: int) -> bytes:
        """Returns up to `length` bytes; none if the file ends before `start`."""
        try:
            with closing(self.open(Range=f"bytes={start}-{start + length - 1}")) as body:
                return body.read()
        except self.s3.exceptions.ClientError as error:
            if is_out_of_range(error):
                return b""
            raise

    def open(self, **parameters: Any) -> "StreamingBody":
        """Returns the content as a stream, which the caller closes."""
        # With versioning, the version's ID names the bytes; without, S3 checks that they are still the same.
        same: Any = {} if self.upload.version_id else {"IfMatch": self.upload.etag}
        try:
            return self.s3.get_object(**self.upload.location, **same, **parameters)["Body"]
        except self.s3.exceptions.ClientError as error:
            raise self._translate(error, self.upload.version_id) from None

    def _translate(self, error: "ClientError", version_id: str | None) -> Exception:
        place = self.upload.bucket, self.upload.key, version_id
        if is_missing(error) or (is_denied(error) and not is_listed(self.s3, *place)):
            reason = "It was deleted before its job could be created."
            return VideoUnreadable(Rejection(reason, suggest_upload(self.upload)))
        return self._replaced() if is_replaced(error) else error

    def _replaced(self) -> VideoReplaced:
        reason = "Another file replaced it before its job could be created. That file gets a job of its own."
        return VideoReplaced(Rejection(reason, f"videoinfer show {word_for_command(self.upload.key, 'KEY')}"))


def is_listed(s3: "S3Client", bucket: str, key: str, version_id: str | None = None) -> bool:
    """Returns whether there is an object with this key or, if `version_id` is given, that version of it.

    If a role may list only a prefix, S3 may answer 403 for a missing object or version below it, as if it may not be
    read: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    if version_id:
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        versions = (it for page in pages for it in page.get("Versions", ()))
        # No other key with this prefix comes before it.
        return any(it["VersionId"] == version_id for it in takewhile(lambda it: it["Key"] == key, versions))
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    return [it["Key"] for it in found] == [key]  # no other key with this prefix comes before it


def explain_archive(upload: Upload, head: Mapping[str, Any]) -> Rejection | None:
    """Returns why an object that is archived can't be read, with the command that restores it; None if it can.

    Args:
        head: S3's answer to HeadObject.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
    """
    storage_class, tier = head.get("StorageClass"), head.get("ArchiveStatus")
    restore = head.get("Restore", "")
    is_restored = storage_class in ARCHIVE_CLASSES and 'ongoing-request="false"' in restore
    if is_restored or (storage_class not in ARCHIVE_CLASSES and not tier):
        return None
    where = f"the archive tier {tier}" if tier else f"the storage class {storage_class}"
    retry = f"videoinfer retry {upload.upload_id}"
    if 'ongoing-request="true"' in restore:
        return Rejection(f"It is in {where} and is being restored. Retry it when that is done.", retry)
    # A restored object of INTELLIGENT_TIERING stays restored, so its request has no number of days.
    request = "'{}'" if tier else f"Days={_RESTORED_DAYS}"
    version = f" --version-id {word_for_command(upload.version_id, 'VERSION_ID')}" if upload.version_id else ""
    place = f"--bucket {upload.bucket} --key {word_for_command(upload.key, 'KEY')}{version}"
    command = f"aws s3api restore-object {place} --restore-request {request}"
    reason = f"It is in {where}, so it can't be read. Restore it, which takes hours, and then retry it."
    return Rejection(reason, f"{command}\n  {retry}")
