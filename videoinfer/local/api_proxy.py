"""A proxy that serves the engine's API without a path, because Roboflow's official client drops a base URL's path."""

import http.client
import shutil
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import Popen
from urllib.parse import urlsplit

from videoinfer.local.embedded_aws import EmbeddedAws, find_free_port
from videoinfer.processes import kill_group, start_group, wait_until_ready
from videoinfer.repository import ROOT

_TIMEOUT_SECONDS = 60.0
# Headers that concern one connection only, and headers that the next client or server sets itself.
_HOP_BY_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class ApiProxy:
    """A running proxy. `kill_group(proxy.process)` stops it.

    Attributes:
        url: The API's base URL without a path.
    """

    url: str
    process: Popen[bytes]


def start_api_proxy(aws: EmbeddedAws, api_url: str) -> ApiProxy:
    """Starts a process that forwards every request to `api_url`, and returns once it listens.

    Raises:
        CommandError: The process ended or did not listen in time; the message has the end of its log.
    """
    host = urlsplit(aws.endpoint_url).hostname or ""
    port = find_free_port(host)
    log = aws.folder / "api-proxy.log"
    command = [sys.executable, "-m", "videoinfer.local.api_proxy", host, str(port), api_url]
    process = start_group(command, environment={}, folder=ROOT, log=log)
    try:
        wait_until_ready("The API's proxy", lambda: _is_listening(host, port), process, log)
    except BaseException:
        kill_group(process)
        raise
    return ApiProxy(f"http://{host}:{port}", process)


def serve(host: str, port: int, api_url: str) -> None:
    """Forwards requests to `api_url` until the process is killed."""
    target = urlsplit(api_url)

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = http.client.HTTPConnection(target.netloc, timeout=_TIMEOUT_SECONDS)
            try:
                connection.request(self.command, target.path + self.path, body, _select_forwarded(self.headers.items()))
                self._relay(connection.getresponse())
            except OSError:
                self.send_error(http.HTTPStatus.BAD_GATEWAY, "The embedded AWS does not answer")
            finally:
                connection.close()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_TRACE = forward  # noqa: N815

        def _relay(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            for name, value in _select_forwarded(answer.getheaders()).items():
                self.send_header(name, value)
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)

        def log_message(self, *_: object) -> None:
            """Logs nothing, because a request's line contains the API key."""

    ThreadingHTTPServer((host, port), Handler).serve_forever()


def _is_listening(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), _TIMEOUT_SECONDS):
        return True
    return False


def _select_forwarded(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])
