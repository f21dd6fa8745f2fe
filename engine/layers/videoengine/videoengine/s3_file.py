"""An S3 object as a seekable file, read in ranges."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Buffer

    from mypy_boto3_s3 import S3Client

BLOCK_BYTES = 4 * 2**20
"""Read at a time: what FFmpeg asks for next lies in it nearly always, and a request's latency is paid once for it."""


class S3Object(io.RawIOBase):
    """Unbuffered: each read is one request."""

    def __init__(self, s3: "S3Client", bucket: str, key: str) -> None:
        """Looks the object up."""
        self._s3, self._bucket, self._key = s3, bucket, key
        self._position = 0
        head = s3.head_object(Bucket=bucket, Key=key)
        self.size = head["ContentLength"]
        self._etag = head["ETag"]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self.size)
        if end <= self._position:
            return 0
        # IfMatch: an object that is replaced meanwhile must not be read half and half.
        answer = self._s3.get_object(
            Bucket=self._bucket, Key=self._key, Range=f"bytes={self._position}-{end - 1}", IfMatch=self._etag
        )
        content = answer["Body"].read()
        view[: len(content)] = content
        self._position += len(content)
        return len(content)


def open_object(s3: "S3Client", bucket: str, key: str) -> io.BufferedReader:
    """An object to read from, with read-ahead."""
    return io.BufferedReader(S3Object(s3, bucket, key), BLOCK_BYTES)
