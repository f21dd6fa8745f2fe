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
    """A URL to PUT an object to.

    Roboflow's official client splits upload URLs at `&X-Goog-Expires`, so it is there: signed like the rest, ignored by
    S3, and behind another parameter (the `x-id` of AWS's own SDKs), so that it begins with `&`.
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
    """A URL to GET an object from."""
    return s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=RESULTS_EXPIRES_SECONDS
    )


def find_upload_key(s3: "S3Client", bucket: str, url: str) -> str | None:
    """The key of an upload URL that `sign_upload` made for this bucket; None for any other URL.

    The key is a random one, so knowing it is the permission: the signature may have expired since the upload.
    """
    prefix = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "uploads/"})
    address, prefix_address = url.partition("?")[0], prefix.partition("?")[0]
    if not address.startswith(prefix_address):
        return None
    key = unquote("uploads/" + address.removeprefix(prefix_address))
    return key if is_upload_key(key) else None


def _add_google_expiry(request: AWSRequest, **_: Any) -> None:
    request.params = {**request.params, "x-id": "PutObject", "X-Goog-Expires": str(UPLOAD_EXPIRES_SECONDS)}
