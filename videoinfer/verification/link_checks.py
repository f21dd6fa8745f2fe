"""The checks of what is behind the link in a notice."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import quote, urldefrag

from videoinfer.verification.links import Answer, Opened
from videoinfer.verification.truth import Truth
from videoinfer.verification.verdicts import Verdict, judge, unseen, wrong
from videojobs.foreign_text import printable

_RANGE_BYTES = 100
RANGE = f"bytes=0-{_RANGE_BYTES - 1}"
"""What is asked of the video, as a player asks."""

_LINK = re.compile(r"^Look +(\S+)$", re.MULTILINE)
_NOT_KEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}


def find_link(notice: str) -> str | None:
    """The share link in the text of a notice."""
    found = _LINK.search(notice)
    return found[1] if found else None


def forge(link: str) -> str:
    """The same link with another signature."""
    return f"{link[:-8]}{'A' * 8}" if not link.endswith("A" * 8) else f"{link[:-8]}{'B' * 8}"


def check_report(opened: Opened, link: str, truth: Truth) -> Verdict:
    """The link opens this job's report, whose policy allows its own script and style and nothing of others."""
    page = opened.target
    if page is None:
        return wrong(f"The link is answered with {opened.api.status}, not with a redirect.")
    faults = [*_check_answer(opened.api, HTTPStatus.FOUND, _NOT_KEPT), *_check_answer(page, HTTPStatus.OK, {})]
    if urldefrag(opened.location).fragment != f"base={quote(link, safe='')}":
        faults.append("The redirect does not tell the report its link.")
    content_type = page.headers.get("content-type", "none")
    if not content_type.startswith("text/html"):
        faults.append(f"Its type is {content_type}.")
    report = _Page()
    report.feed(page.body.decode(errors="replace"))
    faults += report.check_policy()
    faults += _check_index(report.index, truth)
    if link.rpartition("/")[2].encode() in page.body:
        faults.append("The page that is kept holds the link's token.")
    return judge(faults, f"{len(page.body):,} bytes; its policy lets no script but its own run")


def check_video(opened: Opened, clip: bytes, *, is_emulated: bool) -> Verdict:
    """The link leads to the video that was sent, in a way that a player can jump in it.

    Args:
        is_emulated: Whether S3 is an emulator, which may ignore ranges and types of objects with versions.
    """
    video = opened.target
    if video is None:
        return wrong(f"The link is answered with {opened.api.status}, not with a redirect.")
    if is_emulated and video.status == HTTPStatus.OK and video.body == clip:
        return unseen("It is the clip. Whether a player can jump in it shows on AWS alone: this S3 ignores ranges.")
    faults = _check_answer(video, HTTPStatus.PARTIAL_CONTENT, {"content-type": "video/mp4"})
    expected = f"bytes 0-{_RANGE_BYTES - 1}/{len(clip)}"
    if (told := video.headers.get("content-range")) != expected:
        faults.append(f"Its range is {told}, and {expected} was expected.")
    if video.body != clip[:_RANGE_BYTES]:
        faults.append("It is another video than was sent.")
    return judge(faults, f"plays from anywhere: answers a range of its {len(clip):,} bytes, as video/mp4")


def check_forged(opened: Opened) -> Verdict:
    """A link that somebody made up opens nothing."""
    faults = _check_answer(opened.api, HTTPStatus.FORBIDDEN, {"content-type": "text/html; charset=utf-8"})
    if opened.location:
        faults.append("It redirects.")
    return judge(faults, "a link with another signature is refused")


class _Page(HTMLParser):
    """The parts of a page that a browser holds against its policy, and the report's index."""

    def __init__(self) -> None:
        super().__init__()
        self.policy: str | None = None
        self.index: bytes | None = None
        self._sources: dict[str, list[str]] = {"script": [], "style": []}
        self._open: tuple[str, Mapping[str, str | None]] | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "meta" and (attributes.get("http-equiv") or "").lower() == "content-security-policy":
            self.policy = attributes.get("content")
        if tag in self._sources:
            self._open, self._text = (tag, attributes), []

    def handle_data(self, data: str) -> None:
        if self._open:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or tag != self._open[0]:
            return
        _, attributes = self._open
        text = "".join(self._text)
        if tag == "style" or attributes.get("type", "module") in ("module", "text/javascript"):
            self._sources[tag].append(text)
        elif attributes.get("data-name") == "index":
            self.index = text.encode()
        self._open = None

    def check_policy(self) -> list[str]:
        """What is wrong with the page's Content-Security-Policy."""
        if not self.policy:
            return ["It has no Content-Security-Policy."]
        directives = {name: sources for name, *sources in (part.split() for part in self.policy.split(";") if part)}
        faults = []
        if directives.get("default-src") != ["'none'"]:
            faults.append("Its policy allows by default.")
        for tag, texts in self._sources.items():
            hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts]
            if not texts or directives.get(f"{tag}-src") != hashes:
                faults.append(f"Its policy does not allow its own {tag}, and that alone.")
        return faults


def _check_answer(answer: Answer, status: int, headers: Mapping[str, str]) -> list[str]:
    faults = [] if answer.status == status else [f"It is answered with {answer.status}; {status} was expected."]
    return faults + [
        f"Its {name} is {answer.headers.get(name, 'not set')}; {value} was expected."
        for name, value in headers.items()
        if answer.headers.get(name) != value
    ]


def _check_index(content: bytes | None, truth: Truth) -> list[str]:
    """The page is this job's: its index has the frames of each model."""
    try:
        index = json.loads(gzip.decompress(base64.b64decode(content or b"")))
        frames = {model["id"]: model["frames"] for model in index["models"]}
    except (ValueError, LookupError, TypeError, EOFError, OSError):
        return ["It has no index that can be read."]
    expected = {printable(model.model_id): truth.frames for model in truth.job.options.models}
    return [] if frames == expected else [f"It shows the frames {frames}; the results have {expected}."]
