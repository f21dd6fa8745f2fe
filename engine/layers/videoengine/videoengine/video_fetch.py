"""Fetches a job's video from wherever it is into the engine's bucket, once and in constant memory."""

import io
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from videoengine.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Buffer

    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 10
READ_SECONDS = 60
FETCH_SECONDS = 600
_RETRIES = urllib3.Retry(
    total=4,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    # A server could ask for an hour of patience, and a function has a quarter of one.
    respect_retry_after_header=False,
)


def fetch_video(s3: "S3Client", url: str, bucket: str, key: str, max_bytes: int) -> None:
    """Streams what is at `url` into the object `key`.

    Raises:
        JobFailed: it could not be fetched, or is too large. The text names the host alone: a query may be a secret.
    """
    host = urlsplit(url).hostname
    try:
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "GET",
                url,
                headers={"Accept-Encoding": "identity", "User-Agent": "videoengine"},
                preload_content=False,
                retries=_RETRIES,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            )
            if answer.status != 200:
                raise JobFailed(
                    f"The video could not be fetched: {host} answered {answer.status} {answer.reason}".strip()
                )
            s3.upload_fileobj(io.BufferedReader(_Limited(answer, max_bytes)), bucket, key)
    except urllib3.exceptions.HTTPError as error:
        # `from None`: the original's text holds the whole URL.
        raise JobFailed(f"The video could not be fetched from {host}: {_describe(error)}") from None


class _Limited(io.RawIOBase):
    """Reads an answer up to a number of bytes and seconds."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, max_bytes: int) -> None:
        self._answer = answer
        self._max_bytes = max_bytes
        self._bytes_read = 0
        self._deadline = time.monotonic() + FETCH_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        content = self._answer.read(len(view))
        self._bytes_read += len(content)
        if self._bytes_read > self._max_bytes:
            raise JobFailed(f"The video is larger than the {self._max_bytes / 2**30:g} GiB that this engine takes")
        if time.monotonic() > self._deadline:
            raise JobFailed(f"The video could not be fetched within {FETCH_SECONDS // 60} minutes")
        view[: len(content)] = content
        return len(content)


def _describe(error: urllib3.exceptions.HTTPError) -> str:
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    match cause:
        case urllib3.exceptions.NameResolutionError():
            return "there is no such host"
        case urllib3.exceptions.NewConnectionError():
            return "it takes no connection"
        case urllib3.exceptions.ConnectTimeoutError():
            return f"no connection within {CONNECT_SECONDS} s"
        case urllib3.exceptions.ReadTimeoutError():
            return f"nothing came for {READ_SECONDS} s"
        case urllib3.exceptions.SSLError():
            return "its certificate is not accepted"
        case urllib3.exceptions.LocationValueError():
            return "it redirects to what is no web address"
        case urllib3.exceptions.ResponseError():
            return "it redirects too often"
        case _:
            return f"the connection broke off ({type(cause).__name__})"
