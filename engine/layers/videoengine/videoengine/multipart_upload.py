"""Uploads an object to S3 in parts, side by side."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


class Part(NamedTuple):
    """One part of an upload.

    Attributes:
        where: the parameters that identify it in boto3's calls.
        content: its bytes of the object.
    """

    where: "PartPlace"
    content: range


class PartPlace(TypedDict):
    """Parameters of boto3's calls for one part."""

    Bucket: str
    Key: str
    UploadId: str
    PartNumber: int


def upload_parts(
    s3: "S3Client", bucket: str, key: str, parts: Iterable[range], threads: int, put: Callable[[Part], str]
) -> None:
    """Calls `put` for each part, in `threads` threads, and then makes the object of the parts.

    If a call fails, the parts that are not started are left out, the upload is aborted, and its exception is raised.

    Args:
        parts: bytes of each part: at least 5 MiB, except the last one.
        put: uploads a part, and returns its ETag.
    """
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    try:
        with ThreadPoolExecutor(threads) as pool:
            calls = [
                pool.submit(
                    put, Part(PartPlace(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number), content)
                )
                for number, content in enumerate(parts, 1)
            ]
            ended, waiting = wait(calls, return_when=FIRST_EXCEPTION)
            for call in waiting:
                call.cancel()
            # Raise the first exception now: waiting calls have no result.
            for call in ended:
                call.result()
        etags: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": call.result()} for number, call in enumerate(calls, 1)
        ]
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": etags})
    except BaseException:
        # No thread runs any more, so no part can arrive after this. S3 deletes the parts.
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        raise
