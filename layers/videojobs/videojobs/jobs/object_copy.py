"""The command that corrects an object's metadata where it lies, and keeps everything else about the object."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from videojobs.foreign_text import word_for_command
from videojobs.jobs.commands import escape_json, spell_metadata, uri_for_command
from videojobs.jobs.uploads import Upload

COPY_MAX_BYTES = 5 * 1000**3
"""The largest object that CopyObject takes.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

_PROPERTIES: Mapping[str, tuple[str, str]] = {
    "ContentType": ("content-type", "content-type"),
    "CacheControl": ("cache-control", "cache-control"),
    "ContentDisposition": ("content-disposition", "content-disposition"),
    "ContentEncoding": ("content-encoding", "content-encoding"),
    "ContentLanguage": ("content-language", "content-language"),
    "Expires": ("expires", "expires"),
    "WebsiteRedirectLocation": ("website-redirect-location", "website-redirect"),
    "StorageClass": ("storage-class", "storage-class"),
    "ServerSideEncryption": ("server-side-encryption", "sse"),
    "SSEKMSKeyId": ("ssekms-key-id", "sse-kms-key-id"),
}
"""What S3 sets anew when an object is copied: the field of HeadObject's answer and parameter of CopyObject, and the
option of `aws s3api copy-object` and of `aws s3 cp`."""


_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:+-]*[;=,][A-Za-z0-9 _./:+;=,-]*")
"""A header's value with parameters, which no shell interprets between apostrophes."""


def compose_corrected_command(upload: Upload, metadata: Mapping[str, str], head: Mapping[str, Any]) -> str:
    """Returns the command that gives an object this metadata, and changes nothing else about it.

    Example:
        `aws s3api copy-object --bucket uploads --key a.mp4 --copy-source uploads/a.mp4 --copy-source-if-match 9e10…
        --content-type video/mp4 --storage-class STANDARD --metadata-directive REPLACE --metadata infer-fps=INFER_FPS`

    CopyObject keeps tags, and copies nothing if another object has the key meanwhile. Larger objects need `aws s3 cp`,
    which does neither.

    Args:
        metadata: All metadata of the object, names without `x-amz-meta-`, as `correct_metadata` returns it.
        head: S3's answer to HeadObject.
    """
    is_large = upload.size_bytes > COPY_MAX_BYTES
    words = [_compose_large_copy(upload) if is_large else _compose_copy(upload)]
    unsafe: dict[str, str] = {}
    for field, value in _list_properties(head):
        word = _find_word(value, field.upper() if is_large else "")
        if word:
            words.append(f"--{_PROPERTIES[field][is_large]} {word}")
        else:
            unsafe[field] = value
    if head.get("BucketKeyEnabled") and not is_large:
        words.append("--bucket-key-enabled")
    if unsafe:
        words.append(f"--cli-input-json '{escape_json(json.dumps(unsafe))}'")
    words.append("--metadata-directive REPLACE")
    if metadata:
        words.append(f"--metadata {spell_metadata(metadata)}")
    return " ".join(words)


def _compose_copy(upload: Upload) -> str:
    key = _find_word(upload.key, "KEY")
    source = word_for_command(f"{upload.bucket}/{upload.key}", f"{upload.bucket}/KEY")
    place = f"--bucket {upload.bucket} --key {key} --copy-source {source}"
    return f"aws s3api copy-object {place} --copy-source-if-match {word_for_command(upload.etag, 'ETAG')}"


def _compose_large_copy(upload: Upload) -> str:
    uri = uri_for_command(upload)
    return f"aws s3 cp {uri} {uri}"


def _find_word(value: str, placeholder: str) -> str:
    """Returns a value as a word of a command. The AWS CLI would replace a value such as `file://…` by a file's content.

    Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-file.html
    """
    if "://" in value:
        return placeholder
    return f"'{value}'" if _HEADER.fullmatch(value) else word_for_command(value, placeholder)


def _list_properties(head: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields what has a value. An object of the class STANDARD has none in S3's answer."""
    values = {"StorageClass": "STANDARD", "Expires": head.get("ExpiresString"), **head}
    for field in _PROPERTIES:
        value = values.get(field)
        if value:
            yield field, value.isoformat() if isinstance(value, datetime) else str(value)
