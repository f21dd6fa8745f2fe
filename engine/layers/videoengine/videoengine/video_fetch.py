"""Copies a job's video from its URL into the engine's bucket, in constant memory."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import urllib3

from videoengine.destinations import Ranges, WebAddress, find_destination
from videoengine.errors import JobFailed
from videoengine.fetch_deadline import FetchDeadline
from videoengine.logs import logger
from videoengine.own_copy import copy_own_object
from videoengine.own_objects import find_own_object
from videoengine.parallel_fetch import STREAMS, ParallelFetch, PartialFile, RangesBroken, request_first_part
from videoengine.video_server import PARTIAL_CONTENT, VideoServer, describe_error, find_compression

if TYPE_CHECKING:
    from collections.abc import Buffer

    from mypy_boto3_s3 import S3Client

FETCH_SECONDS = 600
MAX_REDIRECTS = 5
_NO_SUCH_RANGE = 416
_REFUSALS = 401, 403, 404, 410
"""Answers of a server whose URL is used up or has expired. Each part is a request of its own."""

type Meanwhile = Callable[[int], AbstractContextManager[object]]
"""Given a file's size in bytes, it does something else while the file is stored."""


def fetch_video(
    s3: "S3Client",
    url: str,
    bucket: str,
    key: str,
    max_bytes: int,
    allowed: Ranges,
    allowed_buckets: str = "",
    meanwhile: Meanwhile = nullcontext,
) -> None:
    """Copies the file at `url` into the object `key`. Follows up to `MAX_REDIRECTS` redirects.

    The file is fetched in parts, side by side, if the server can send parts, and as one stream otherwise.

    Args:
        max_bytes: maximum size of the file.
        allowed: address ranges that are allowed although they are not public.
        allowed_buckets: ARNs of objects that S3 may copy if their URL is valid, separated by commas.
        meanwhile: what else to do while the file is stored, unless it is sent as one stream.

    Raises:
        JobFailed: the file could not be fetched, or is too large. The message names only the host, because the query
            may be a secret.
    """
    with FetchDeadline(FETCH_SECONDS) as deadline:
        fetch = _Fetch(s3, bucket, key, max_bytes, allowed_buckets, deadline, meanwhile)
        for _ in range(1 + MAX_REDIRECTS):
            server = VideoServer(find_destination(url, allowed), deadline, STREAMS)
            try:
                with closing(request_first_part(server)) as first:
                    location = first.get_redirect_location()
                    if not location:
                        fetch.store(server, first)
                        return
            except urllib3.exceptions.HTTPError as error:
                deadline.check()
                # `from None`, because the original message contains the whole URL.
                raise JobFailed(f"The video could not be fetched from {server.host}: {describe_error(error)}") from None
            url = _follow(url, location)
    raise JobFailed(f"The video could not be fetched: {server.host} redirects too often")


def explain_too_large(max_bytes: int) -> str:
    """The error message for a video above `max_bytes`."""
    return f"The video is larger than this engine's limit of {max_bytes / 2**30:.4g} GiB"


@dataclass(frozen=True)
class _Fetch:
    """One fetch: where the file goes, and its limits."""

    s3: "S3Client"
    bucket: str
    key: str
    max_bytes: int
    allowed_buckets: str
    deadline: FetchDeadline
    meanwhile: Meanwhile

    def store(self, server: VideoServer, first: urllib3.BaseHTTPResponse) -> None:
        """Stores a file from the answer to the request for its first part on."""
        if file := PartialFile.read(first):
            if file.total > self.max_bytes:
                raise JobFailed(explain_too_large(self.max_bytes))
            with self.meanwhile(file.total):
                if self._copy(server.address, file):
                    return
                try:
                    ParallelFetch(self.s3, server, file, first, self.deadline).store(self.bucket, self.key)
                except RangesBroken as problem:
                    logger.warning("The server does not send ranges as it should", problem=str(problem))
                else:
                    return
        # An empty file has no ranges: S3 answers 416.
        elif first.status not in (PARTIAL_CONTENT, _NO_SUCH_RANGE):
            self._stream(server, first)
            return
        first.close()
        with closing(server.get()) as whole:
            if file and whole.status in _REFUSALS:
                raise JobFailed(
                    f"The video could not be fetched: {server.host} sent its beginning and then answered "
                    f"{whole.status}; give a URL that is valid for several requests, until the whole video is fetched"
                )
            self._stream(server, whole)

    def _copy(self, address: WebAddress, file: PartialFile) -> bool:
        source = find_own_object(address, self.s3.meta.endpoint_url, self.s3.meta.region_name)
        if not source or not source.is_in(self.allowed_buckets):
            return False
        return copy_own_object(self.s3, source, file, self.bucket, self.key, self.deadline)

    def _stream(self, server: VideoServer, answer: urllib3.BaseHTTPResponse) -> None:
        _check_answer(answer, server.host, self.max_bytes)
        content = io.BufferedReader(_Limited(answer, self.max_bytes, self.deadline))
        self.s3.upload_fileobj(content, self.bucket, self.key)


def _check_answer(answer: urllib3.BaseHTTPResponse, host: str, max_bytes: int) -> None:
    if answer.status != 200:
        said = f"{answer.status} {answer.reason or ''}".strip()
        raise JobFailed(f"The video could not be fetched: {host} answered {said}")
    if compression := find_compression(answer):
        # Compression was not requested, does not shrink videos, and could unpack to an unlimited size.
        raise JobFailed(f"The video could not be fetched: {host} sent it compressed ({compression})")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise JobFailed(explain_too_large(max_bytes))


def _follow(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise JobFailed("The video could not be fetched: it redirects to an invalid URL") from None


class _Limited(io.RawIOBase):
    """Reads a response until a size limit or the deadline."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, max_bytes: int, deadline: FetchDeadline) -> None:
        self._answer = answer
        self._max_bytes = max_bytes
        self._bytes_read = 0
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        content = self._answer.read1(len(view), decode_content=False) or b""
        # Without a Content-Length, a connection that the deadline closed looks like the end of the response.
        self._deadline.check()
        self._bytes_read += len(content)
        if self._bytes_read > self._max_bytes:
            raise JobFailed(explain_too_large(self._max_bytes))
        view[: len(content)] = content
        return len(content)
