"""Recognizes URLs of objects in the S3 that the engine itself uses."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from videoengine.destinations import WebAddress

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_QUERY_NAMES = re.compile(
    r"X-Amz-[A-Za-z-]+|AWSAccessKeyId|Signature|Expires|versionId|x-id|response-[a-z-]+", re.IGNORECASE
)
"""Parameters of a URL that downloads an object. Others, such as `acl`, ask for something else."""


@dataclass(frozen=True)
class OwnObject:
    """An object, or one version of it."""

    bucket: str
    key: str
    version_id: str | None = None

    @property
    def copy_source(self) -> "CopySourceTypeDef":
        """The object as the source of a copy, in boto3's calls."""
        if self.version_id:
            return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.version_id}
        return {"Bucket": self.bucket, "Key": self.key}

    def is_in(self, arns: str) -> bool:
        """Whether one of the ARNs in `AllowedBuckets` is of the object.

        Args:
            arns: such as `arn:PARTITION:s3:::uploads/*,arn:PARTITION:s3:::archive/cameras/*`; may be empty.
        """
        prefixes = [arn.rpartition(":")[2].removesuffix("*") for arn in arns.split(",") if arn]
        return any(f"{self.bucket}/{self.key}".startswith(prefix) for prefix in prefixes)


def find_own_object(address: WebAddress, endpoint_url: str, region: str) -> OwnObject | None:
    """Finds the object that a URL downloads.

    Args:
        endpoint_url: the S3 endpoint of the engine's region, as boto3 has it.

    Returns:
        None if the URL is of another service, region or partition, or can't be read without doubt.

    Example:
        find_own_object(WebAddress.parse("https://uploads.s3.eu-west-1.amazonaws.com/a.mp4"), endpoint_url, "eu-west-1")
    """
    path, _, query = address.target.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    versions = [value for name, value in parameters if name == "versionId"]
    if address.scheme != urlsplit(endpoint_url).scheme or len(versions) > 1 or "" in versions:
        return None
    if not all(_QUERY_NAMES.fullmatch(name) for name, _ in parameters):
        return None
    # AWS's SDKs write a plus sign as %2B. A bare one may mean a space.
    if "+" in path:
        return None
    try:
        names = unquote_to_bytes(path.removeprefix("/")).decode()
    except UnicodeDecodeError:
        return None
    for endpoint in _list_endpoints(endpoint_url, region):
        if address.authority == endpoint:
            bucket, _, key = names.partition("/")
        elif address.authority.endswith(f".{endpoint}"):
            bucket, key = address.authority.removesuffix(f".{endpoint}"), names
        else:
            continue
        return OwnObject(bucket, key, *versions) if _BUCKET.fullmatch(bucket) and key else None
    return None


def _list_endpoints(endpoint_url: str, region: str) -> set[str]:
    """The hosts of S3 in this region, by https://docs.aws.amazon.com/general/latest/gr/s3.html.

    In us-east-1, boto3's endpoint is the global one, without the region.
    """
    host = urlsplit(endpoint_url).netloc
    domain = host.removeprefix("s3.").removeprefix(f"{region}.")
    return {host, f"s3.{region}.{domain}", f"s3.dualstack.{region}.{domain}"} if host.startswith("s3.") else {host}
