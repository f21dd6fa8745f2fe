"""S3 in memory: the calls that the functions use. A test compares it with moto, whose HTTP takes most of its time.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import hashlib
import io
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.response import StreamingBody

from tests.simulation.refusals import Refused

PAGE_KEYS = 3
"""How many keys a page of a list has, so that lists have several pages."""


@dataclass(frozen=True)
class Version:
    """A version of an object; a delete marker has no body."""

    body: bytes | None
    etag: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    version_id: str | None = None


@dataclass
class _Upload:
    """A multipart upload that is not complete."""

    place: tuple[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class Objects:
    """The buckets and their objects.

    Args:
        versioned: The buckets with versioning.
    """

    def __init__(self, order: random.Random, versioned: set[str]) -> None:
        self._order = order
        self._versioned = versioned
        self._versions = defaultdict[tuple[str, str], list[Version]](list)
        self._uploads: dict[str, _Upload] = {}

    def read(self, bucket: str, key: str, version_id: str | None = None) -> bytes | None:
        """Returns an object's bytes, or None."""
        found = self._find(bucket, key, version_id)
        return found.body if found else None

    def list(self, bucket: str) -> Iterator[tuple[str, bytes]]:
        """Yields the keys and bytes of a bucket's objects."""
        for (place, key), versions in sorted(self._versions.items()):
            if place == bucket and versions and (body := versions[-1].body) is not None:
                yield key, body

    def serve(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Answers a call of boto3's client. Raises Refused."""
        place = parameters["Bucket"], parameters.get("Key", "")
        match operation:
            case "PutObject":
                body = parameters["Body"]
                body = bytes(body if isinstance(body, bytes | bytearray) else body.read())
                return self._put(place, body, _digest(body), parameters.get("Metadata", {}))
            case "GetObject":
                return self._get(parameters)
            case "HeadObject":
                return self._head(parameters)
            case "DeleteObject":
                return self._delete(place)
            case "ListObjectsV2":
                return self._list_page(parameters)
        return self._serve_upload(operation, parameters)

    def _serve_upload(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        if operation == "CreateMultipartUpload":
            upload_id = f"upload-{self._order.getrandbits(64):016x}"
            self._uploads[upload_id] = _Upload((parameters["Bucket"], parameters["Key"]))
            return {"UploadId": upload_id}
        upload = self._uploads.get(parameters["UploadId"])
        if upload is None:
            raise Refused("NoSuchUpload", 404)
        match operation:
            case "UploadPart":
                upload.parts[parameters["PartNumber"]] = body = bytes(parameters["Body"])
                return {"ETag": f'"{_digest(body)}"'}
            case "ListParts":
                return _list_parts(upload, int(parameters.get("PartNumberMarker", 0)))
            case "AbortMultipartUpload":
                del self._uploads[parameters["UploadId"]]
                return {}
            case "CompleteMultipartUpload":
                return self._complete(parameters["UploadId"], parameters["MultipartUpload"]["Parts"])
        raise AssertionError(operation)

    def _find(self, bucket: str, key: str, version_id: str | None) -> Version | None:
        versions = self._versions[bucket, key]
        if version_id:
            return next((it for it in versions if it.version_id == version_id), None)
        return versions[-1] if versions else None

    def _put(self, place: tuple[str, str], body: bytes | None, etag: str, metadata: Mapping[str, str]) -> Any:
        is_versioned = place[0] in self._versioned
        version_id = f"v{self._order.getrandbits(64):016x}" if is_versioned else None
        version = Version(body, etag, {name.lower(): value for name, value in metadata.items()}, version_id)
        if is_versioned:
            self._versions[place].append(version)
        else:
            self._versions[place] = [version]
        return {"ETag": f'"{etag}"', **({"VersionId": version_id} if version_id else {})}

    def _delete(self, place: tuple[str, str]) -> Any:
        if place[0] in self._versioned:
            return {"DeleteMarker": True, "VersionId": self._put(place, None, "", {})["VersionId"]}
        self._versions.pop(place, None)
        return {}

    def _head(self, parameters: Mapping[str, Any]) -> Any:
        found = self._find(parameters["Bucket"], parameters["Key"], parameters.get("VersionId"))
        if found is None or found.body is None:
            raise Refused("404", 404)  # an answer to HEAD has no body
        return _describe(found, len(found.body))

    def _get(self, parameters: Mapping[str, Any]) -> Any:
        found = self._find(parameters["Bucket"], parameters["Key"], parameters.get("VersionId"))
        if found is None or found.body is None:
            raise Refused("NoSuchVersion" if "VersionId" in parameters else "NoSuchKey", 404)
        if parameters.get("IfMatch", found.etag).strip('"') != found.etag:
            raise Refused("PreconditionFailed", 412)
        body = found.body
        if "Range" in parameters:
            first, last = parameters["Range"].removeprefix("bytes=").split("-")
            if int(first) >= len(body):
                raise Refused("InvalidRange", 416)
            body = body[int(first) : int(last) + 1 if last else None]
        return {**_describe(found, len(body)), "Body": StreamingBody(io.BytesIO(body), len(body))}

    def _list_page(self, parameters: Mapping[str, Any]) -> Any:
        after = parameters.get("ContinuationToken", "")
        found = [
            {"Key": key, "Size": len(body)}
            for key, body in self.list(parameters["Bucket"])
            if key.startswith(parameters.get("Prefix", "")) and key > after
        ]
        size = min(PAGE_KEYS, parameters.get("MaxKeys", PAGE_KEYS))
        page: dict[str, Any] = {"Contents": found[:size]} if found else {}
        is_cut = len(found) > size
        return {**page, "IsTruncated": is_cut, **({"NextContinuationToken": found[size - 1]["Key"]} if is_cut else {})}

    def _complete(self, upload_id: str, parts: Any) -> Any:
        upload = self._uploads.pop(upload_id)
        bodies = [upload.parts[part["PartNumber"]] for part in parts]
        digests = b"".join(hashlib.md5(it).digest() for it in bodies)  # noqa: S324
        etag = f"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"  # noqa: S324
        return self._put(upload.place, b"".join(bodies), etag, {})


def _digest(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()  # noqa: S324 (S3's ETag)


def _describe(version: Version, size: int) -> dict[str, Any]:
    named = {"VersionId": version.version_id} if version.version_id else {}
    return {"ETag": f'"{version.etag}"', "ContentLength": size, "Metadata": dict(version.metadata), **named}


def _list_parts(upload: _Upload, after: int) -> Any:
    numbers = [it for it in sorted(upload.parts) if it > after]
    shown = numbers[:PAGE_KEYS]
    parts = [
        {"PartNumber": it, "Size": len(upload.parts[it]), "ETag": f'"{_digest(upload.parts[it])}"'} for it in shown
    ]
    is_cut = len(numbers) > len(shown)
    return {"Parts": parts, "IsTruncated": is_cut, **({"NextPartNumberMarker": shown[-1]} if is_cut else {})}
