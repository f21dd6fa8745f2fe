"""What Amazon S3's errors mean.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. An answer to HEAD has no body, so
botocore gives the HTTP status as its code.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion"}
_DENIED = {"403", "AccessDenied"}


def is_missing(error: "ClientError") -> bool:
    """Whether the bucket, the object or its version isn't there. Who may not list the bucket is denied instead."""
    return error.response["Error"]["Code"] in _MISSING


def is_denied(error: "ClientError") -> bool:
    """Whether the caller lacks a permission, or, without s3:ListBucket, what was asked for isn't there."""
    return error.response["Error"]["Code"] in _DENIED
