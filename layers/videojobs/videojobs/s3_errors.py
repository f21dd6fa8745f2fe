"""What Amazon S3's errors mean.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. An answer to HEAD has no body, so
botocore gives the HTTP status as its code.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion"}
_OUT_OF_RANGE = {"416", "InvalidRange"}
_DENIED = {"403", "AccessDenied"}
_REPLACED = {"412", "PreconditionFailed"}


def is_missing(error: "ClientError") -> bool:
    """Returns whether the bucket, object or version does not exist. Without s3:ListBucket, S3 answers 403 instead."""
    return error.response["Error"]["Code"] in _MISSING


def is_out_of_range(error: "ClientError") -> bool:
    """Returns whether the object is smaller than the range that was asked for."""
    return error.response["Error"]["Code"] in _OUT_OF_RANGE


def is_denied(error: "ClientError") -> bool:
    """Returns whether a permission is missing or, without s3:ListBucket, the object does not exist."""
    return error.response["Error"]["Code"] in _DENIED


def is_replaced(error: "ClientError") -> bool:
    """Returns whether the object's ETag is not the one in `If-Match`."""
    return error.response["Error"]["Code"] in _REPLACED
