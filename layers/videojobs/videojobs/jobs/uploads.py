"""Uploads: reads them from S3's events, and checks whether they can be videos."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import unquote_plus

from videojobs.foreign_text import printable
from videojobs.schema import check_version
from videojobs.video_formats import VIDEO_EXTENSIONS

KEY_MAX_BYTES = 770
"""S3 keys have at most 1,024 bytes; a result's key contains the upload's key, the job's ID and the output's name."""


SHARED_VIDEO = "video"
"""The name in a share link that opens the upload."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of one object in the uploads bucket: the unit that is billed once.

    In a bucket without versioning, the ETag identifies the version, and `jobs.rewrites` tells apart the times at which
    the same bytes were written.

    Attributes:
        sequencer: Orders the writes of one key (see `jobs.rewrites`). None in a bucket with versioning, and if S3's
            event about the object is not known.
    """

    bucket: str
    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None
    sequencer: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Reads the upload in an item of the ledger."""
        return cls(
            bucket=item["bucket"],
            key=item["key"],
            size_bytes=int(item["size_bytes"]),
            etag=item["etag"],
            version_id=item.get("version_id"),
            sequencer=item.get("sequencer"),
        )

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def prefix(self) -> str:
        """The folder of the key, printable: `line-3/` for `line-3/belt.mp4`, empty for `belt.mp4`."""
        folder, slash, _ = self.key.rpartition("/")
        return printable(f"{folder}{slash}")

    @property
    def location(self) -> dict[str, Any]:
        """The parameters that identify the object in boto3's calls."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"Bucket": self.bucket, "Key": self.key, **version}

    @property
    def upload_id(self) -> str:
        """An ID of this version of this object: at most 66 characters, which are valid in all names of AWS."""
        name = re.sub(r"[^a-z0-9_]+", "-", self.key.lower()).strip("-")[-45:].strip("-")
        digest = hashlib.sha256("\0".join((self.bucket, self.key, self.version_id or self.etag)).encode()).hexdigest()
        return f"{name}-{digest[:20]}"


@dataclass(frozen=True)
class JobRequest:
    """A request in the uploads queue: a job for `upload`, at the first attempt or, after a retry, a later one.

    Attributes:
        written_at: When the object was written, if S3 requests the job by an event; None if a person does.
        options: What a person sets instead of the object's metadata for this attempt.
    """

    upload: Upload
    attempt: int
    written_at: datetime | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_retry(self) -> bool:
        """Whether a person requests another attempt, with `videoinfer retry`."""
        return self.written_at is None and self.attempt > FIRST_ATTEMPT

    def to_dict(self) -> dict[str, Any]:
        """Returns a person's request as plain JSON, as `read_requests` reads it."""
        options = {"options": dict(self.options)} if self.options else {}
        return {"upload": asdict(self.upload), "attempt": self.attempt, **options}


FIRST_ATTEMPT = 1


@dataclass(frozen=True)
class Rejection:
    """Why an upload does not become a job, and the command that fixes it.

    Attributes:
        parameter: The stack's parameter that has to be corrected first, if it is at fault.
    """

    reason: str
    remedy: str
    parameter: str | None = None


def read_requests(event: Mapping[str, Any]) -> Iterator[JobRequest]:
    """Reads the requests of a message: an event of S3 about uploads, in either form, or a person's
    `{"job_requests": […]}`.

    Folder markers are left out. Other events have no requests: the `s3:TestEvent` that S3 sends when notifications are
    set up, and an archived object's "Object Restore Completed", because who restores a file need not want a job.

    Raises:
        NewerSchema: A newer release wrote the message.
    """
    check_version(event)
    for request in _read_s3_events(event):
        if not is_folder_marker(request.upload):
            yield request
    for asked in event.get("job_requests", ()):
        yield JobRequest(Upload.from_item(asked["upload"]), asked["attempt"], options=asked.get("options", {}))


def _read_s3_events(event: Mapping[str, Any]) -> Iterator[JobRequest]:
    if event.get("source") == "aws.s3" and event.get("detail-type") == "Object Created":
        yield _read_eventbridge_event(event)
    for record in event.get("Records", ()):
        if record["eventName"].startswith("ObjectCreated:"):
            yield _read_notification(record)


def _read_notification(record: Mapping[str, Any]) -> JobRequest:
    """Reads a record of an S3 event notification. Its key is URL-encoded, with `+` for a space.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    s3_object = record["s3"]["object"]
    upload = Upload(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(s3_object["key"]),
        size_bytes=s3_object["size"],
        etag=s3_object["eTag"],
        **_identify_write(s3_object.get("versionId"), s3_object.get("sequencer")),
    )
    return JobRequest(upload, FIRST_ATTEMPT, datetime.fromisoformat(record["eventTime"]))


def _read_eventbridge_event(event: Mapping[str, Any]) -> JobRequest:
    """Reads S3's "Object Created" event from EventBridge. Unlike a notification's, its key is not encoded.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    s3_object = event["detail"]["object"]
    upload = Upload(
        bucket=event["detail"]["bucket"]["name"],
        key=s3_object["key"],
        size_bytes=s3_object["size"],
        etag=s3_object["etag"],
        **_identify_write(s3_object.get("version-id"), s3_object.get("sequencer")),
    )
    return JobRequest(upload, FIRST_ATTEMPT, datetime.fromisoformat(event["time"]))


def _identify_write(version_id: str | None, sequencer: str | None) -> dict[str, str | None]:
    # "null" is the version of an object that was written while the bucket had no versioning. It can be overwritten.
    is_versioned = version_id not in (None, "", "null")
    return {"version_id": version_id} if is_versioned else {"sequencer": sequencer}


def is_folder_marker(upload: Upload) -> bool:
    """Returns whether `upload` is the empty object with a key ending in `/` that S3's console creates for a folder."""
    return upload.key.endswith("/") and upload.size_bytes == 0


def find_fault(upload: Upload, extensions: Collection[str] = VIDEO_EXTENSIONS) -> str | None:
    """Returns why `upload` can't be a video, by its key and size, or None.

    Args:
        extensions: Those that the API takes, in lower case.
    """
    extension = find_extension(upload.key)
    if extension.lower() not in extensions:
        what = f"files that end in {extension}" if extension else "files without an extension"
        return f"The Video Inference API does not take {what}, only {', '.join(extensions)}."
    if upload.size_bytes == 0:
        return "The file is empty (0 bytes)."
    if len(upload.key.encode()) > KEY_MAX_BYTES:
        return f"The key is longer than {KEY_MAX_BYTES} bytes, so the keys of its results would be too long."
    if not is_path(upload.key):
        return (
            "The key begins with a slash, or has . or .. as a part. HTTP clients remove these from a URL, "
            "so the video could not be downloaded."
        )
    return None


def find_extension(key: str) -> str:
    """Returns a key's file extension with its dot; empty if nothing stands before or after the dot."""
    stem, dot, extension = key.rpartition("/")[2].rpartition(".")
    return f".{extension}" if stem and dot and extension else ""


def is_path(key: str) -> bool:
    """Returns whether HTTP clients request `key` unchanged, as it was signed. They resolve dot segments (RFC 3986,
    5.2.4), and requests merges several slashes at the beginning.
    """
    return not key.startswith("/") and not {".", ".."} & set(key.split("/"))
