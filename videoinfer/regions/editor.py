"""Serves the page on which regions are drawn on a frame: on loopback, at a secret path, until it is interrupted.

    GET  /<token>/             the page
    GET  /<token>/start.json   the frame's facts, and the regions to begin with
    GET  /<token>/frame.png    the frame
    POST /<token>/check        the option's JSON; answers with its forms, or with what is wrong with it

The page has no rules of its own: `parse_regions` checks what is drawn, as it does for an upload.
"""

import base64
import hashlib
import io
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from videoinfer.display import Display
from videoinfer.processes import LOOPBACK
from videoinfer.regions.forms import read_regions, spell_regions
from videoinfer.regions.picture import StillFrame
from videojobs.errors import InvalidOption
from videojobs.foreign_text import printable
from videojobs.jobs.regions import Region

BODY_MAX_BYTES = 256 * 1024
"""More than 20 regions with 100 points each have."""

_JSON, _HTML = "application/json", "text/html; charset=utf-8"


@dataclass(frozen=True)
class Editor:
    """What the page is about.

    Attributes:
        token: The secret part of the page's path, without which nothing is answered.
        regions: Those that the page begins with.
    """

    token: str
    still: StillFrame
    regions: Sequence[Region]
    video: Path

    def get(self, name: str) -> tuple[str, bytes] | None:
        """Returns the content type and the content of a file of the page, or None."""
        match name:
            case "":
                return _HTML, read_page()
            case "frame.png":
                file = io.BytesIO()
                self.still.picture.save(file, "PNG")
                return "image/png", file.getvalue()
            case "start.json":
                return _JSON, _encode(self._describe())
            case _:
                return None

    def check(self, body: bytes) -> bytes:
        """Returns the forms of regions and the regions themselves, as JSON; or what is wrong with them."""
        try:
            regions = read_regions(body.decode())
        except UnicodeDecodeError:
            return _encode({"error": "regions: not valid UTF-8."})
        except InvalidOption as invalid:
            return _encode({"error": printable(str(invalid))})
        forms = asdict(spell_regions(regions, self.video))
        return _encode({"regions": [region.to_dict() for region in regions], **forms})

    def _describe(self) -> Mapping[str, Any]:
        width, height = self.still.picture.size
        return {
            "video": printable(self.video.name),
            "seconds": self.still.seconds,
            "width": width,
            "height": height,
            "regions": [region.to_dict() for region in self.regions],
        }


def edit_regions(still: StillFrame, regions: Sequence[Region], video: Path, display: Display) -> None:
    """Serves the page until Ctrl-C."""
    with make_server(Editor(secrets.token_urlsafe(16), still, regions, video)) as server:
        display.text(f"Draw regions at {server.url}")
        display.text("Only this machine can open it. Ctrl-C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            display.text("The page is closed.")


class EditorServer(ThreadingHTTPServer):
    """Answers for one editor."""

    daemon_threads = True
    editor: Editor

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/{self.editor.token}/"


def make_server(editor: Editor) -> EditorServer:
    """Returns a server on a free port, which listens already."""
    server = EditorServer((LOOPBACK, 0), _Answers)
    server.editor = editor
    return server


class _Answers(BaseHTTPRequestHandler):
    server: EditorServer
    timeout = 30

    def do_GET(self) -> None:
        name = self._find_name()
        answer = None if name is None else self.server.editor.get(name)
        self._answer(*(HTTPStatus.OK, *answer) if answer else (HTTPStatus.NOT_FOUND, _HTML, b""))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self._find_name() != "check" or self.headers.get_content_type() != _JSON:
            self._answer(HTTPStatus.NOT_FOUND, _HTML, b"")
        elif not length.isdecimal() or int(length) > BODY_MAX_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.CONTENT_TOO_LARGE, _HTML, b"")
        else:
            self._answer(HTTPStatus.OK, _JSON, self.server.editor.check(self.rfile.read(int(length))))

    def log_message(self, *_: object) -> None:
        """Prints nothing."""

    def _find_name(self) -> str | None:
        """Returns the path after the token, or None if the token is wrong."""
        token, slash, name = self.path.removeprefix("/").partition("/")
        is_right = secrets.compare_digest(token.encode(), self.server.editor.token.encode())
        return name if slash and is_right else None

    def _answer(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": compose_policy(read_page().decode()),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def read_page() -> bytes:
    """Returns the page, one HTML file that needs nothing from elsewhere."""
    return (resources.files("videoinfer.regions") / "editor.html").read_bytes()


def compose_policy(page: str) -> str:
    """Returns the page's Content-Security-Policy: its own script, style and server, nothing else."""
    hashes = {}
    for tag in ("script", "style"):
        [text] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, flags=re.DOTALL)
        hashes[tag] = f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes['script']}",
            f"style-src {hashes['style']}",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()
