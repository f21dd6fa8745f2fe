"""Presigned URLs of objects in the videos bucket."""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.awsrequest import AWSRequest

from videoengine.object_keys import is_upload_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD_EXPIRES_SECONDS = 3600
RESULTS_EXPIRES_SECONDS = 3600


def sign_upload(s3: "S3Client", bucket: str, key: str) -> str:
    """A URL to PUT an object to, valid for `UPLOAD_EXPIRES_SECONDS`.

    Roboflow's official client splits upload URLs at `&X-Goog-Expires`. So the URL has this parameter, signed and
    ignored by S3, after another one (the `x-id` of AWS SDKs), so that it follows an `&`.
    """
    event = "before-sign.s3.PutObject"
    s3.meta.events.register(event, _add_google_expiry, unique_id="google-expiry")
    try:
        return s3.generate_presigned_url(
            "put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=UPLOAD_EXPIRES_SECONDS
        )
    finally:
        s3.meta.events.unregister(event, unique_id="google-expiry")


def sign_results(s3: "S3Client", bucket: str, key: str) -> str:
    """A URL to GET an object from, valid for `RESULTS_EXPIRES_SECONDS`."""
    return s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=RESULTS_EXPIRES_SECONDS
    )


def find_upload_key(s3: "S3Client", bucket: str, url: str) -> str | None:
    """The key in an upload URL that `sign_upload` made for this bucket; None for any other URL.

    The signature is not checked, because it may have expired since the upload. The key is random, so only someone who
    got the URL knows it.
    """
    prefix = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "uploads/"})
    address, prefix_address = url.partition("?")[0], prefix.partition("?")[0]
    if not address.startswith(prefix_address):
        return None
    key = unquote("uploads/" + address.removeprefix(prefix_address))
    return key if is_upload_key(key) else None


def _add_google_expiry(request: AWSRequest, **_: Any) -> None:
    request.params = {**request.params, "x-id": "PutObject", "X-Goog-Expires": str(UPLOAD_EXPIRES_SECONDS)}
