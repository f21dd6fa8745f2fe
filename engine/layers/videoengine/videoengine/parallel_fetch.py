"""Fetches a file in parts, side by side, straight into a multipart upload."""

from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

import urllib3

from videoengine.byte_ranges import parse_content_range, plan_parts
from videoengine.fetch_deadline import FetchDeadline
from videoengine.multipart_upload import Part, upload_parts
from videoengine.video_server import PARTIAL_CONTENT, VideoServer, find_compression

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STREAMS = 8
"""Number of parts in flight. A server such as S3 limits each connection, and a part is uploaded after it is fetched."""

PART_BYTES = 16 * 2**20
"""Size of a part. S3 takes 10,000 parts of at least 5 MiB, and each stream keeps one in memory."""

PART_TRIES = 5
"""Maximum number of requests for one part. Each continues where the one before broke off."""

_CHUNK_BYTES = 2**18


def request_first_part(server: VideoServer) -> urllib3.BaseHTTPResponse:
    """Requests a file's first part. A server without ranges answers with the whole file."""
    return server.get(range(PART_BYTES))


class RangesBroken(Exception):
    """The server did not send what it promised with its first answer."""


@dataclass(frozen=True)
class PartialFile:
    """What is known of a file after its first part, if the server can send the others.

    Attributes:
        total: size of the file in bytes.
        etag: identifies this version of the file.
    """

    total: int
    etag: str

    @classmethod
    def read(cls, first: urllib3.BaseHTTPResponse) -> Self | None:
        """Reads the answer to `request_first_part`.

        Returns:
            None if the answer is something else, or nothing would show that two parts are of different versions.
        """
        found = parse_content_range(first.headers.get("Content-Range", "")) if first.status == PARTIAL_CONTENT else None
        etag = first.headers.get("ETag", "")
        # A weak ETag, W/"…", does not stand for certain bytes.
        if not found or not etag.startswith('"'):
            return None
        content, total = found
        return cls(total, etag) if content == range(min(PART_BYTES, total)) else None


class ParallelFetch:
    """Fetches the parts of one file. Each thread keeps one part in memory.

    Example:
        ParallelFetch(s3, server, file, first, deadline).store(bucket, key)
    """

    def __init__(
        self,
        s3: "S3Client",
        server: VideoServer,
        file: PartialFile,
        first: urllib3.BaseHTTPResponse,
        deadline: FetchDeadline,
    ) -> None:
        """Takes the open answer with the first part; its body must be unread."""
        self._s3, self._server, self._file, self._first, self._deadline = s3, server, file, first, deadline
        self._buffers = SimpleQueue[bytearray]()
        self._failure: BaseException | None = None  # the first one

    def store(self, bucket: str, key: str) -> None:
        """Fetches the file into an object.

        Raises:
            RangesBroken: no object is made. The server may still be able to send the file as one stream.
            JobFailed: the time is up.
        """
        for _ in range(STREAMS):
            self._buffers.put(bytearray(min(PART_BYTES, self._file.total)))
        upload_parts(self._s3, bucket, key, plan_parts(self._file.total, PART_BYTES), STREAMS, self._put)

    def _put(self, part: Part) -> str:
        buffer = self._buffers.get()
        try:
            with memoryview(buffer)[: len(part.content)] as view:
                self._fetch(part.content, view, self._first if part.content.start == 0 else None)
                # boto3 takes no memoryview, but a bytearray, which its type hints don't know.
                body: Any = buffer if len(view) == len(buffer) else bytes(view)
            return self._s3.upload_part(**part.where, Body=body)["ETag"]
        except urllib3.exceptions.HTTPError as error:
            self._deadline.check()
            self._failure = self._failure or RangesBroken(type(error).__name__)
            # `from None`, because the original message contains the whole URL.
            raise self._failure from None
        except BaseException as error:
            self._failure = self._failure or error
            raise
        finally:
            self._buffers.put(buffer)

    def _fetch(self, wanted: range, view: memoryview, answer: urllib3.BaseHTTPResponse | None) -> None:
        """Fills `view` with the bytes `wanted`."""
        filled = 0
        for tries_left in reversed(range(PART_TRIES)):
            with closing(answer or self._server.get(wanted[filled:], self._file.etag)) as current:
                self._check(current, wanted[filled:])
                try:
                    while chunk := current.read1(_CHUNK_BYTES, decode_content=False):
                        self._check_time()
                        if filled + len(chunk) > len(view):
                            raise RangesBroken("a part is too long")
                        view[filled : filled + len(chunk)] = chunk
                        filled += len(chunk)
                except urllib3.exceptions.HTTPError:
                    # The connection broke off.
                    self._check_time()
                    if not tries_left:
                        raise
                else:
                    break
            answer = None
        # Without a Content-Length, a connection that the deadline closed looks like the end of the response.
        self._check_time()
        if filled < len(view):
            raise RangesBroken("a part is too short")

    def _check(self, answer: urllib3.BaseHTTPResponse, wanted: range) -> None:
        if answer.status != PARTIAL_CONTENT:
            raise RangesBroken(f"status {answer.status}")
        if parse_content_range(answer.headers.get("Content-Range", "")) != (wanted, self._file.total):
            raise RangesBroken("another Content-Range")
        if answer.headers.get("Content-Length", str(len(wanted))) != str(len(wanted)):
            raise RangesBroken("another Content-Length")
        if answer.headers.get("ETag") != self._file.etag:
            raise RangesBroken("another ETag")
        if find_compression(answer):
            raise RangesBroken("a compressed part")

    def _check_time(self) -> None:
        self._deadline.check()
        # The same error in every thread, because any of them may be the one that is reported.
        if self._failure:
            raise self._failure
