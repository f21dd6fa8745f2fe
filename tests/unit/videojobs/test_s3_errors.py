"""S3's errors as moto returns them and, without s3:ListBucket, as AWS documents them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from videojobs.s3_errors import is_denied, is_missing

REQUESTS = {
    "no object": ("get_object", {"Bucket": "uploads", "Key": "a"}),
    "no object, by HEAD": ("head_object", {"Bucket": "uploads", "Key": "a"}),
    "no bucket": ("get_object", {"Bucket": "gone", "Key": "a"}),
    "no bucket, by HEAD": ("head_bucket", {"Bucket": "gone"}),
    "no version": (
        "get_object",
        {"Bucket": "uploads", "Key": "b", "VersionId": "33a41bf2-3a3c-4ee5-a5ee-9ae0fcb57ad9"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "request_"), REQUESTS.values(), ids=REQUESTS)
def test_a_missing_object_counts_as_missing_and_not_as_denied(
    aws: Any, operation: str, request_: dict[str, str]
) -> None:
    aws.s3.put_object(Bucket="uploads", Key="b", Body=b"video")
    with pytest.raises(ClientError) as raised:
        getattr(aws.s3, operation)(**request_)
    assert is_missing(raised.value)
    assert not is_denied(raised.value)


@pytest.mark.parametrize("code", ["403", "AccessDenied"])
def test_a_forbidden_object_counts_as_denied(code: str) -> None:
    """HEAD answers 403 without a body: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html."""
    error = ClientError({"Error": {"Code": code, "Message": "Forbidden"}}, "HeadObject")
    assert is_denied(error)
    assert not is_missing(error)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "PreconditionFailed"])
def test_other_errors_count_as_neither_missing_nor_denied(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "No."}}, "GetObject")
    assert (is_missing(error), is_denied(error)) == (False, False)
