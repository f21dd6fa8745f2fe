"""Requests to the server of a video, at its checked addresses."""

import urllib3

from videoengine.destinations import Address, Destination, WebAddress
from videoengine.fetch_deadline import FetchDeadline

CONNECT_SECONDS = 10
READ_SECONDS = 60
_RETRIES = urllib3.Retry(
    total=4,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
    # A server could ask to wait for an hour, but a function runs for 15 minutes at most.
    respect_retry_after_header=False,
)
PARTIAL_CONTENT = 206
_COMPRESSIONS = {"br", "compress", "deflate", "gzip", "x-compress", "x-gzip", "zstd"}
_NOT_CONNECTED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class VideoServer:
    """A server that a video is fetched from. Several threads may use it.

    Attributes:
        host: its name, for error messages.
        address: the video's URL.
    """

    def __init__(self, destination: Destination, deadline: FetchDeadline, connections: int) -> None:
        """Connects to nothing yet.

        Args:
            connections: how many connections to keep for further requests.
        """
        self.address = destination.web_address
        self.host = self.address.host
        self._pools = [_make_pool(address, self.address, connections) for address in destination.addresses]
        for pool in self._pools:
            deadline.watch(pool)

    def get(self, wanted: range | None = None, etag: str | None = None) -> urllib3.BaseHTTPResponse:
        """Requests the file from the first address that accepts a connection, and from then on only from that one.

        Args:
            wanted: bytes to request; all if it is None. A server may send all in any case.
            etag: the request is only for this version of the file.
        """
        headers = {"Host": self.address.authority, "Accept-Encoding": "identity", "User-Agent": "videoengine"}
        if wanted:
            headers["Range"] = f"bytes={wanted[0]}-{wanted[-1]}"
        if etag:
            headers["If-Match"] = etag
        *others, last = self._pools
        for pool in others:
            try:
                answer = self._send(pool, headers, _RETRIES.new(connect=0))
            except urllib3.exceptions.MaxRetryError as error:
                if not isinstance(error.reason, _NOT_CONNECTED):
                    raise
            else:
                self._pools = [pool]
                return answer
        answer = self._send(last, headers, _RETRIES)
        self._pools = [last]
        return answer

    def _send(
        self, pool: urllib3.HTTPConnectionPool, headers: dict[str, str], retries: urllib3.Retry
    ) -> urllib3.BaseHTTPResponse:
        return pool.urlopen(
            "GET", self.address.target, headers=headers, retries=retries, redirect=False, preload_content=False
        )


def find_compression(answer: urllib3.BaseHTTPResponse) -> str | None:
    """The compression of a response, which was not requested."""
    encodings = {encoding.strip().lower() for encoding in answer.headers.get("Content-Encoding", "").split(",")}
    # S3 stores the encoding of an upload (`aws-chunked`) as the object's encoding. It is not a compression.
    return next(iter(sorted(encodings & _COMPRESSIONS)), None)


def _make_pool(address: Address, web_address: WebAddress, connections: int) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if web_address.scheme == "https":
        # Connect to the checked address, but verify the certificate for the host name.
        return urllib3.HTTPSConnectionPool(
            str(address), web_address.port, timeout=timeout, maxsize=connections, server_hostname=web_address.host
        )
    return urllib3.HTTPConnectionPool(str(address), web_address.port, timeout=timeout, maxsize=connections)


def describe_error(error: urllib3.exceptions.HTTPError) -> str:
    """Describes a failed request. urllib3's own message contains the whole URL, which may be a secret."""
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
