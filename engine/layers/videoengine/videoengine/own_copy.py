"""Copies a video from a bucket of the engine's owner: S3 does it, and nothing goes through the function."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from videoengine.byte_ranges import plan_parts
from videoengine.fetch_deadline import FetchDeadline
from videoengine.logs import logger
from videoengine.multipart_upload import Part, upload_parts
from videoengine.own_objects import OwnObject
from videoengine.parallel_fetch import PartialFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COPIES = 16
"""Number of parts that are copied at the same time."""

COPIED_PART_BYTES = 64 * 2**20
"""Size of a part: a few seconds of copying, and far from the 5 GiB that S3 takes in one part."""


def copy_own_object(
    s3: "S3Client", source: OwnObject, file: PartialFile, bucket: str, key: str, deadline: FetchDeadline
) -> bool:
    """Copies an object, if it still is the file that its URL gave.

    The engine's role must not replace the URL's permission, so the caller has read `file` through the URL.

    Returns:
        False if S3 refuses it. Then there is no copy.

    Raises:
        JobFailed: the time is up.
    """
    parts = plan_parts(file.total, COPIED_PART_BYTES)

    def put(part: Part) -> str:
        deadline.check()
        # S3 takes no range of an object of 5 MB or less: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
        wanted: Any = {"CopySourceRange": f"bytes={part.content[0]}-{part.content[-1]}"} if len(parts) > 1 else {}
        answer = s3.upload_part_copy(**part.where, **wanted, CopySource=source.copy_source, CopySourceIfMatch=file.etag)
        return answer["CopyPartResult"]["ETag"]

    try:
        upload_parts(s3, bucket, key, parts, COPIES, put)
    except ClientError as error:
        logger.warning("S3 does not copy the video, so it is fetched", code=error.response["Error"]["Code"])
        return False
    logger.info("S3 has copied the video", parts=len(parts))
    return True
