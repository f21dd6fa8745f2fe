"""Streams a job's video from its URL into the engine's bucket, in constant memory."""

import io
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import urllib3

from videoengine.destinations import Address, Destination, Ranges, WebAddress, find_destination
from videoengine.errors import JobFailed
from videoengine.fetch_deadline import FetchDeadline

if TYPE_CHECKING:
    from collections.abc import Buffer

    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 10
READ_SECONDS = 60
FETCH_SECONDS = 600
MAX_REDIRECTS = 5
_COMPRESSIONS = {"br", "compress", "deflate", "gzip", "x-compress", "x-gzip", "zstd"}
_RETRIES = urllib3.Retry(
    total=4,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    # A server could ask to wait for an hour, but a function runs for 15 minutes at most.
    respect_retry_after_header=False,
)
_NOT_CONNECTED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def fetch_video(s3: "S3Client", url: str, bucket: str, key: str, max_bytes: int, allowed: Ranges) -> None:
    """Streams the file at `url` into the object `key`. Follows up to `MAX_REDIRECTS` redirects.

    Args:
        max_bytes: maximum size of the file.
        allowed: address ranges that are allowed although they are not public.

    Raises:
        JobFailed: the file could not be fetched, or is too large. The message names only the host, because the query
            may be a secret.
    """
    with FetchDeadline(FETCH_SECONDS) as deadline:
        for _ in range(1 + MAX_REDIRECTS):
            destination = find_destination(url, allowed)
            host = destination.web_address.host
            try:
                with closing(_request(destination, deadline)) as answer:
                    location = answer.get_redirect_location()
                    if not location:
                        _check_answer(answer, host, max_bytes)
                        s3.upload_fileobj(io.BufferedReader(_Limited(answer, max_bytes, deadline)), bucket, key)
                        return
            except urllib3.exceptions.HTTPError as error:
                deadline.check()
                # `from None`, because the original message contains the whole URL.
                raise JobFailed(f"The video could not be fetched from {host}: {_describe(error)}") from None
            url = _follow(url, location)
    raise JobFailed(f"The video could not be fetched: {host} redirects too often")


def explain_too_large(max_bytes: int) -> str:
    """The error message for a video above `max_bytes`."""
    return f"The video is larger than this engine's limit of {max_bytes / 2**30:.4g} GiB"


def _request(destination: Destination, deadline: FetchDeadline) -> urllib3.BaseHTTPResponse:
    """Sends the request to the first address that accepts a connection."""
    *others, last = destination.addresses
    for address in others:
        try:
            return _request_from(address, destination.web_address, _RETRIES.new(connect=0), deadline)
        except urllib3.exceptions.MaxRetryError as error:
            if not isinstance(error.reason, _NOT_CONNECTED):
                raise
    return _request_from(last, destination.web_address, _RETRIES, deadline)


def _request_from(
    address: Address, web_address: WebAddress, retries: urllib3.Retry, deadline: FetchDeadline
) -> urllib3.BaseHTTPResponse:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if web_address.scheme == "https":
        # Connect to the checked address, but verify the certificate for the host name.
        pool = urllib3.HTTPSConnectionPool(
            str(address), web_address.port, timeout=timeout, server_hostname=web_address.host
        )
    else:
        pool = urllib3.HTTPConnectionPool(str(address), web_address.port, timeout=timeout)
    deadline.watch(pool)
    headers = {"Host": web_address.authority, "Accept-Encoding": "identity", "User-Agent": "videoengine"}
    return pool.urlopen(
        "GET", web_address.target, headers=headers, retries=retries, redirect=False, preload_content=False
    )


def _check_answer(answer: urllib3.BaseHTTPResponse, host: str, max_bytes: int) -> None:
    if answer.status != 200:
        said = f"{answer.status} {answer.reason or ''}".strip()
        raise JobFailed(f"The video could not be fetched: {host} answered {said}")
    if compression := _find_compression(answer):
        # Compression was not requested, does not shrink videos, and could unpack to an unlimited size.
        raise JobFailed(f"The video could not be fetched: {host} sent it compressed ({compression})")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise JobFailed(explain_too_large(max_bytes))


def _find_compression(answer: urllib3.BaseHTTPResponse) -> str | None:
    encodings = {encoding.strip().lower() for encoding in answer.headers.get("Content-Encoding", "").split(",")}
    # S3 stores the encoding of an upload (`aws-chunked`) as the object's encoding. It is not a compression.
    return next(iter(sorted(encodings & _COMPRESSIONS)), None)


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


def _describe(error: urllib3.exceptions.HTTPError) -> str:
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    match cause:
        case urllib3.exceptions.NewConnectionError():
            return "it refuses connections"
        case urllib3.exceptions.ConnectTimeoutError():
            return f"no connection within {CONNECT_SECONDS} s"
        case urllib3.exceptions.ReadTimeoutError():
            return f"no data for {READ_SECONDS} s"
        case urllib3.exceptions.SSLError():
            return "its certificate is not accepted"
        case _:
            return f"the connection broke off ({type(cause).__name__})"
