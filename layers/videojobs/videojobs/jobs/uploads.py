"""Uploads: what S3 says has landed, and whether it can be a video."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote_plus

from videojobs.video_formats import VIDEO_EXTENSIONS

KEY_MAX_BYTES = 770
"""S3 keys have at most 1,024 bytes, and those of results hold the upload's, the job's id and names of outputs."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version of one object in the uploads bucket: the unit that is billed once.

    In a bucket without versioning, the eTag tells one version from another.
    """

    bucket: str
    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def location(self) -> dict[str, Any]:
        """The parameters by which boto3 finds it."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"Bucket": self.bucket, "Key": self.key, **version}

    @property
    def upload_id(self) -> str:
        """A name for this version of this object, of at most 66 characters that AWS takes everywhere."""
        name = re.sub(r"[^a-z0-9_]+", "-", self.key.lower()).strip("-")[-45:].strip("-")
        digest = hashlib.sha256("\0".join((self.bucket, self.key, self.version_id or self.etag)).encode()).hexdigest()
        return f"{name}-{digest[:20]}"


@dataclass(frozen=True)
class JobRequest:
    """What the uploads queue asks for: a job of `upload`, its first or, if a person tries again, a further attempt."""

    upload: Upload
    attempt: int

    def to_dict(self) -> dict[str, Any]:
        """The request as plain JSON, as `read_requests` takes it."""
        return asdict(self)


FIRST_ATTEMPT = 1


@dataclass(frozen=True)
class Rejection:
    """Why an upload will not become a job, and the command that mends it."""

    reason: str
    remedy: str


def read_requests(event: Mapping[str, Any]) -> Iterator[JobRequest]:
    """The jobs that a message asks for: one of S3's about uploads, or one of a person's, `{"job_requests": […]}`."""
    for upload in read_uploads(event):
        yield JobRequest(upload, FIRST_ATTEMPT)
    for request in event.get("job_requests", ()):
        yield JobRequest(Upload(**request["upload"]), request["attempt"])


def read_uploads(event: Mapping[str, Any]) -> Iterator[Upload]:
    """The uploads that an S3 event notification names.

    Keys arrive URL-encoded with `+` for a space. The `s3:TestEvent` that S3 sends when notifications are set up has no
    records; folder markers (empty objects whose keys end in `/`) are no uploads.
    Source: Amazon S3 User Guide, "Event message structure".
    """
    for record in event.get("Records", ()):
        if not record["eventName"].startswith("ObjectCreated:"):
            continue
        s3_object = record["s3"]["object"]
        key = unquote_plus(s3_object["key"])
        bucket = record["s3"]["bucket"]["name"]
        upload = Upload(
            bucket=bucket,
            key=key,
            size_bytes=s3_object["size"],
            etag=s3_object["eTag"],
            version_id=s3_object.get("versionId"),
        )
        if not is_folder_marker(upload):
            yield upload


def is_folder_marker(upload: Upload) -> bool:
    """Whether `upload` is what S3's console makes of a new folder."""
    return upload.key.endswith("/") and upload.size_bytes == 0


def find_fault(upload: Upload) -> str | None:
    """Why `upload` can't be a video as far as its name and size tell, or None."""
    extension = find_extension(upload.key)
    if extension.lower() not in VIDEO_EXTENSIONS:
        what = f"files that end in {extension}" if extension else "files without an extension"
        return f"The Video Inference API does not take {what}, only {', '.join(VIDEO_EXTENSIONS)}."
    if upload.size_bytes == 0:
        return "The file is empty (0 bytes)."
    if len(upload.key.encode()) > KEY_MAX_BYTES:
        return f"The key is longer than {KEY_MAX_BYTES} bytes, which leaves no room for that of its results."
    if not is_path(upload.key):
        return (
            "The key begins with a slash, or has . or .. as a part, which web clients take out of the address: "
            "the video could not be fetched by it."
        )
    return None


def find_extension(key: str) -> str:
    """What the name in a key ends in, with its dot; empty where there is nothing before or behind that."""
    stem, dot, extension = key.rpartition("/")[2].rpartition(".")
    return f".{extension}" if stem and dot and extension else ""


def is_path(key: str) -> bool:
    """Whether web clients ask for `key` as it was signed. They resolve dot segments (RFC 3986, 5.2.4), and requests
    makes one slash of several at the beginning.
    """
    return not key.startswith("/") and not {".", ".."} & set(key.split("/"))
