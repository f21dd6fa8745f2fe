"""A stand-in for share links: one server redirects, and another one, of another origin, serves the files as S3 does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.serving import serve

_TYPES = {".html": "text/html", ".mp4": "video/mp4", ".gz": "application/gzip", ".json": "application/json"}


@dataclass
class SharedSite:
    """A folder behind a share link.

    Attributes:
        url: The link. `<url>/<name>` leads to the file of that name, and passes the link on to the report.
        is_expired: Whether links are refused from now on.
        signature: The signature in redirects' targets; a target with an older one is refused.
        part_bytes: How many bytes of a file are sent at a time.
        moment: What redirects to the report add to its fragment.
        asked: The names that links were opened for, in order.
    """

    folder: Path
    url: str = ""
    is_expired: bool = False
    signature: int = 0
    part_bytes: int = 1 << 30
    moment: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def share_folder(folder: Path) -> Iterator[SharedSite]:
    """Serves a folder until the block ends."""
    site = SharedSite(folder)

    class Files(_Answers):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            signature, _, download = query.partition("&")
            if int(signature.removeprefix("signature=")) != site.signature:
                return self.answer(HTTPStatus.FORBIDDEN)
            headers = {"Content-Disposition": "attachment"} if download else {}
            return self.send_file(site.folder / path.strip("/"), site.part_bytes, headers)

    with serve(_Server(("127.0.0.1", 0), Files)) as files_url:

        class Links(_Answers):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                name = url.path.removeprefix("/s/token/")
                site.asked.append(name)
                if site.is_expired:
                    return self.answer(HTTPStatus.FORBIDDEN)
                location = f"{files_url}/{name}?signature={site.signature}"
                location += "&download" if url.query == "download" else ""
                if name == "report.html":
                    location += f"#base={quote(site.url, safe='')}{site.moment}"
                return self.answer(HTTPStatus.FOUND, {"Location": location})

        with serve(_Server(("127.0.0.1", 0), Links)) as links_url:
            site.url = f"{links_url}/s/token"
            yield site


class _Answers(BaseHTTPRequestHandler):
    def answer(self, status: HTTPStatus, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        headers = {"Access-Control-Allow-Origin": "*", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, path: Path, part_bytes: int, further: dict[str, str]) -> None:
        if not path.is_file():
            return self.answer(HTTPStatus.NOT_FOUND)
        content = path.read_bytes()
        headers = {"Content-Type": _TYPES[path.suffix], "Accept-Ranges": "bytes", **further}
        start, _, end = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not start:
            return self.answer(HTTPStatus.OK, headers, content)
        part = content[int(start) : int(end) + 1 if end else None][:part_bytes]
        headers["Content-Range"] = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
        return self.answer(HTTPStatus.PARTIAL_CONTENT, headers, part)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Ignores the error: a browser disconnects once it has enough of a video."""
