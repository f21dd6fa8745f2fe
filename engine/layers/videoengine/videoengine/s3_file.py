"""An S3 object as a seekable file. It is read in blocks, and the next blocks are requested ahead."""

import io
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from videoengine.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Buffer

    from mypy_boto3_s3 import S3Client

BLOCK_BYTES = 2**20
"""Size of a block. The latency of a request is longer than the transfer of this much."""

MAX_BLOCKS_AHEAD = 8
"""Maximum number of blocks requested at once. Together they use about the network bandwidth of a function."""

MAX_RANGES = 32
"""Maximum number of ranges requested at once."""


class S3Object(io.RawIOBase):
    """A seekable file. The longer it is read in order, the further it reads ahead, so random reads cost little.

    Example:
        with S3Object(s3, bucket, key) as file, av.open(file) as container:
            ...
    """

    def __init__(
        self, s3: "S3Client", bucket: str, key: str, block_bytes: int = BLOCK_BYTES, etag: str | None = None
    ) -> None:
        """Requests the first block; the response also contains the object's size.

        Args:
            etag: of the only version to read; None for the newest.

        Raises:
            ClientError: the object can't be read.
            JobFailed: it is another version.
        """
        # First, because close() needs it even if the request fails.
        self._threads = ThreadPoolExecutor(MAX_BLOCKS_AHEAD)
        self._s3, self._bucket, self._key, self._block_bytes = s3, bucket, key, block_bytes
        self._position = 0
        self._block: int | None = None  # the last block that was read
        self._in_order = 0  # number of blocks before it that were read in order
        self._blocks = dict[int, Future[bytes]]()
        try:
            wanted: Any = {"IfMatch": etag} if etag else {}
            first = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{block_bytes - 1}", **wanted)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                raise JobFailed("The video was replaced while its job was running; create another job") from error
            if code != "InvalidRange":
                raise
            self.size = 0  # an empty object has no byte range
            return
        self.size = int(first["ContentRange"].rpartition("/")[2])
        self._etag = first["ETag"]
        self._blocks[0] = self._threads.submit(first["Body"].read)

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
        if self._position >= self.size:
            return 0
        view = memoryview(buffer).cast("B")
        block, start = divmod(self._position, self._block_bytes)
        content = memoryview(self._read(block))[start : start + len(view)]
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def read_ranges(self, ranges: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """Reads parts of the object, several at once, without moving its position.

        Args:
            ranges: the start and length of each part in bytes, within the object.
        """
        with ThreadPoolExecutor(MAX_RANGES) as threads:
            parts = (threads.submit(self._get, *part) for part in ranges)
            requested = deque(itertools.islice(parts, MAX_RANGES))
            while requested:
                yield requested.popleft().result()
                requested.extend(itertools.islice(parts, 1))

    def close(self) -> None:
        if not self.closed:
            self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _read(self, block: int) -> bytes:
        if block != self._block:
            self._in_order = self._in_order + 1 if block - 1 == self._block else 0
            self._block = block
            last = min(block + min(self._in_order, MAX_BLOCKS_AHEAD), (self.size - 1) // self._block_bytes)
            for number in self._blocks.keys() - set(range(block - 1, last + 1)):
                self._blocks.pop(number).cancel()
            for number in range(block, last + 1):
                if number not in self._blocks:
                    self._blocks[number] = self._threads.submit(self._get_block, number)
        return self._blocks[block].result()

    def _get_block(self, block: int) -> bytes:
        start = block * self._block_bytes
        return self._get(start, min(self._block_bytes, self.size - start))

    def _get(self, start: int, length: int) -> bytes:
        # IfMatch: if the object is replaced meanwhile, fail instead of mixing both versions.
        answer = self._s3.get_object(
            Bucket=self._bucket, Key=self._key, Range=f"bytes={start}-{start + length - 1}", IfMatch=self._etag
        )
        return answer["Body"].read()
